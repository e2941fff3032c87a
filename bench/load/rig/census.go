package rig

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Census is what a server holds at one moment.
type Census struct {
	// Files are its open file descriptors, counted by what they are: the path of a file,
	// "pipe", "listener", or to whom a connection leads.
	Files map[string]int
	// Goroutines are counted by the function that they run and what started it.
	Goroutines map[string]int
}

// Kinds of files that pools hold: how many there are depends on how much is done at
// once. Idle connections to GitHub and the registry are closed before anything is
// counted, so that of those none is excused.
var pools = map[string]int{
	"connection to the database": 17, // of the pool, and the one on which River listens
}

// Goroutines that come and go by the nature of things, and how many more of a kind there
// may be than at first.
var comers = []struct {
	part string
	more int
}{
	{"database/sql.(*DB).connectionCleaner", 1}, // closes connections that are old
	{"github.com/jackc/pgx/v5/pgxpool.", 17},    // the pool's own, one for each connection
	{"github.com/jackc/puddle/v2.", 17},         // and of what it is made
	{"github.com/jackc/pgx/v5/pgconn", 17},      // connections that are being opened or closed
	{"riverqueue/river/internal/maintenance", 1},
	{"river/rivershared/util/timeutil.(*TickerWithInitialTick)", 8}, // of the maintenance of who is the leader now
	{"net/http.(*connReader).startBackgroundRead", 1},               // waits on whether we, who ask, go away
}

// Beyond is what now has more of than before, without what may come and go.
func (now Census) Beyond(before Census) []string {
	var more []string
	for _, kind := range slices.Sorted(maps.Keys(now.Files)) {
		if n, most := now.Files[kind], max(before.Files[kind], pools[kind]); n > most {
			more = append(more, fmt.Sprintf("%d open: %s, want at most %d", n, kind, most))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(now.Goroutines)) {
		n, most := now.Goroutines[kind], before.Goroutines[kind]
		for _, c := range comers {
			if strings.Contains(kind, c.part) {
				most += c.more
				break
			}
		}
		if n > most {
			more = append(more, fmt.Sprintf("%d goroutines: %s, want at most %d", n, kind, most))
		}
	}
	return more
}

// Census closes the connections that are idle, and counts.
func (one *Replica) Census() (Census, error) {
	one.rig.inbound.CloseIdleConnections()
	one.github.CloseClientConnections()
	one.rig.crates.CloseClientConnections()
	files, err := one.files()
	if err != nil {
		return Census{}, err
	}
	goroutines, err := one.goroutines()
	return Census{files, goroutines}, err
}

func (one *Replica) files() (map[string]int, error) {
	proc := fmt.Sprintf("/proc/%d", one.cmd.Process.Pid)
	fds, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return nil, err
	}
	sockets, err := one.sockets(proc)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(proc, "fd", fd.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if kind, ok := sockets[target]; ok {
			target = kind
		} else if kind, _, ok := strings.Cut(target, ":["); ok {
			target = kind
		}
		counts[target]++
	}
	return counts, nil
}

// sockets tells what the sockets of a process are, by the names that they have among
// its files. IPv4 is all that the rig uses.
func (one *Replica) sockets(proc string) (map[string]string, error) {
	data, err := os.ReadFile(proc + "/net/tcp")
	if err != nil {
		return nil, err
	}
	port := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			return ""
		}
		return u.Port()
	}
	peers := map[string]string{
		port(one.github.URL): "connection to GitHub", port(one.rig.crates.URL): "connection to the registry",
		port(one.rig.cfg.Database): "connection to the database",
	}
	visited := map[string]bool{port("http://" + one.Address): true, port("http://" + one.Private): true}
	kinds := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[0] == "sl" {
			continue
		}
		const listening = "0A"
		kind := "another connection"
		local, remote := portOf(fields[1]), portOf(fields[2])
		switch {
		case fields[3] == listening:
			kind = "listener"
		case visited[local]:
			kind = "connection of a visitor"
		case peers[remote] != "":
			kind = peers[remote]
		}
		kinds["socket:["+fields[9]+"]"] = kind
	}
	return kinds, nil
}

// portOf reads "0100007F:1F90".
func portOf(address string) string {
	_, hexed, _ := strings.Cut(address, ":")
	b, err := hex.DecodeString(hexed)
	if err != nil || len(b) != 2 {
		return ""
	}
	return strconv.Itoa(int(b[0])<<8 | int(b[1]))
}

// goroutines reads the stacks.
func (one *Replica) goroutines() (map[string]int, error) {
	data, err := one.get("/debug/pprof/goroutine?debug=2")
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, stack := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		counts[origin(stack)]++
	}
	return counts, nil
}

// origin is the outermost function of a stack and what started it.
func origin(stack string) string {
	lines := strings.Split(stack, "\n")
	runs, by := "", "the runtime"
	for _, line := range lines[1:] {
		switch name, created := strings.CutPrefix(line, "created by "); {
		case strings.HasPrefix(line, "\t"):
		case created:
			by, _, _ = strings.Cut(name, " in goroutine")
		default:
			runs, _, _ = strings.Cut(line, "(0x")
			runs, _, _ = strings.Cut(runs, "({")
			runs = strings.TrimSuffix(runs, "(...)")
			runs = strings.TrimSuffix(runs, "()")
		}
	}
	return runs + ", started by " + by
}
