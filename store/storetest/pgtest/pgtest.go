// Package pgtest gives tests a real PostgreSQL: a throw-away one on loopback,
// started once for each test binary and ended with it, or one of a test's own, to be
// stopped and killed. Where none is installed a test fails and says what to do; it is
// never skipped.
package pgtest

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable names an environment variable with the address of a PostgreSQL server
// to use instead, as a user who may create databases.
const Variable = "LOCKKEEPER_TEST_POSTGRES"

// ProgramsVariable names one with the directory of the programs to start it with, for
// another version than the newest that is installed: see scripts/postgres.
const ProgramsVariable = "LOCKKEEPER_TEST_POSTGRES_PROGRAMS"

const instruction = `the tests need PostgreSQL: run ./scripts/test, which installs it, or install it yourself ("apt-get install postgresql"), or set ` + Variable + ` to the address of a server, such as postgres://user@127.0.0.1:5432/postgres`

//go:embed cluster.sh
var script string

// server is started when the first test asks for it.
var server = sync.OnceValues(start)

// cluster is a running PostgreSQL.
type cluster struct {
	address string
	// life is the standard input of what runs the server. It is kept so that the
	// collector does not close it: that ends the server.
	life io.WriteCloser
	says *bufio.Reader
}

var databases atomic.Int64

// New makes an empty database and returns its address. It is gone after the test.
func New(t testing.TB) string {
	t.Helper()
	running, err := server()
	if err != nil {
		t.Fatal(err)
	}
	address := running.address
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	Exec(t, address, "CREATE DATABASE "+name)
	t.Cleanup(func() { Exec(t, address, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("read %s", Variable) // without the error, which quotes the address
	}
	u.Path = "/" + name
	return u.String()
}

// Exec runs one statement in the database at address, on a connection of its own.
func Exec(t testing.TB, address, statement string) {
	t.Helper()
	// Not t.Context, which is done before cleanups.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func start() (cluster, error) {
	if address := os.Getenv(Variable); address != "" {
		return cluster{address: address}, nil
	}
	// What a test writes need not survive the machine, nor the server.
	return startWith("-c synchronous_commit=off -c full_page_writes=off")
}

func startWith(settings string) (cluster, error) {
	bin, err := programs()
	if err != nil {
		return cluster{}, err
	}
	// Between asking for a free port and using it somebody else may take it.
	for attempt := 1; ; attempt++ {
		c, err := startIn(bin, settings)
		if err == nil || attempt == 3 {
			return c, err
		}
	}
}

// programs is the directory that was named, or that of the newest PostgreSQL. Debian
// keeps initdb out of PATH.
func programs() (string, error) {
	if dir := os.Getenv(ProgramsVariable); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			return "", fmt.Errorf("%s: %w", ProgramsVariable, err)
		}
		return dir, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s", instruction)
	}
	version := func(path string) (n int) {
		fmt.Sscanf(strings.TrimPrefix(path, "/usr/lib/postgresql/"), "%d", &n)
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

func startIn(bin, settings string) (cluster, error) {
	dir, err := os.MkdirTemp("", "lockkeeper-postgres-")
	if err != nil {
		return cluster{}, err
	}
	port, err := freePort()
	if err != nil {
		return cluster{}, err
	}
	cmd := exec.Command("sh", "-c", script, "cluster.sh", bin, dir, fmt.Sprint(port), settings)
	life, err := cmd.StdinPipe() // the end of this process closes it, too
	if err != nil {
		return cluster{}, err
	}
	// A pipe of our own: with StdoutPipe, or a writer that is no file, the server
	// would be waited for.
	out, in, err := os.Pipe()
	if err != nil {
		return cluster{}, err
	}
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		out.Close()
		return cluster{}, fmt.Errorf("start PostgreSQL: %w", err)
	}
	in.Close()
	reader := bufio.NewReader(out)
	line, err := reader.ReadString('\n')
	if line != "ready\n" {
		rest, _ := io.ReadAll(reader)
		out.Close()
		return cluster{}, fmt.Errorf("start PostgreSQL from %s: %s%s (%v)", bin, line, rest, err)
	}
	return cluster{fmt.Sprintf("postgres://app@127.0.0.1:%d/postgres?sslmode=disable", port), life, reader}, nil
}

// Cluster is a PostgreSQL of a test's own. What it said was committed it keeps,
// whatever happens to its processes.
type Cluster struct {
	// Address of its one database.
	Address string

	c cluster
}

// Own starts one for this test, also where [Variable] names a server for all others.
func Own(t testing.TB) *Cluster {
	t.Helper()
	c, err := startWith("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.life.Close()
		_, _ = io.Copy(io.Discard, c.says) // until it has ended
	})
	return &Cluster{c.address, c}
}

// Stop ends it at once, as an operator in a hurry does: connections break.
func (c *Cluster) Stop() error { return c.command("stop") }

// Kill is kill -9 of its first process, upon which the others end by themselves.
func (c *Cluster) Kill() error { return c.command("kill") }

// Start starts it again, and returns when it takes connections.
func (c *Cluster) Start() error { return c.command("start") }

func (c *Cluster) command(command string) error {
	if _, err := fmt.Fprintln(c.c.life, command); err != nil {
		return fmt.Errorf("%s PostgreSQL: %w", command, err)
	}
	if line, _ := c.c.says.ReadString('\n'); line != "done\n" {
		rest, _ := io.ReadAll(c.c.says)
		return fmt.Errorf("%s PostgreSQL: %s%s", command, line, rest)
	}
	return nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
