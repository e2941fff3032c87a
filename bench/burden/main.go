// Command burden measures how many sign-offs ordinary work asks for. It goes
// through the history of a lockfile change by change with the real engine, accepts
// what Lockkeeper proposes as a careful owner would, and counts, by rule, beside
// three other ways of keeping a list; then it runs the known incidents through each
// of them.
//
//	go run ./bench/burden fetch -archives DIR HISTORY...
//	go run ./bench/burden -archives DIR [-v] HISTORY...
//
// A history is a directory of lockfiles NUMBER-DATE-COMMIT.NAME, oldest first, or a
// git repository, whose first-parent history is taken. fetch brings the archives
// through cargo and pip; the measurement itself asks nobody. bench/burden/run does
// both.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "fetch" {
		return fetchMain(ctx, args[1:], stdout, stderr)
	}
	flags := flag.NewFlagSet("burden", flag.ContinueOnError)
	flags.SetOutput(stderr)
	archives := flags.String("archives", "", "directory of fetched archives")
	text := flags.String("registry", "", "txtar file that states the registries instead of fetched archives (see registry/registrytest)")
	replays := flags.String("replays", "scan/testdata/replays", "directory of incidents; empty: none")
	policyFile := flags.String("policy", "", "policy to judge by; default: the default policy")
	verbose := flags.Bool("v", false, "list every question")
	remembered := flags.String("facts", "", "directory that keeps what analysis found, for one state of the analysers' sources alone; default: nothing is kept")
	accepted := flags.Bool("accepted", false, "start with an allowlist that accepts what the first version locks")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 && *replays == "" || flags.NArg() > 0 && (*archives == "") == (*text == "") {
		fmt.Fprintln(stderr, "usage: burden (-archives DIR | -registry FILE) [-v] [-accepted] [-policy FILE] [-replays DIR] HISTORY...")
		return 2
	}
	m := measurement{
		histories: flags.Args(), archives: *archives, registry: *text, replays: *replays, policy: *policyFile, facts: *remembered,
		verbose: *verbose, accepted: *accepted,
	}
	if err := m.run(ctx, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// measurement is what the command line asks for.
type measurement struct {
	histories                                  []string
	archives, registry, replays, policy, facts string
	verbose, accepted                          bool
}

func (m measurement) run(ctx context.Context, out io.Writer) error {
	rules := policy.Default()
	if m.policy != "" {
		data, err := os.ReadFile(m.policy)
		if err != nil {
			return err
		}
		if rules, err = policy.Parse(m.policy, data); err != nil {
			return err
		}
	}
	if len(m.histories) > 0 {
		if err := m.walkAll(ctx, rules, out); err != nil {
			return err
		}
	}
	if m.replays == "" {
		return nil
	}
	incidents, err := replayAll(ctx, m.replays, rules)
	if err != nil {
		return err
	}
	printReplays(out, incidents)
	return nil
}

// walkAll measures every history against the registries that were asked for.
func (m measurement) walkAll(ctx context.Context, rules *policy.Policy, out io.Writer) error {
	server := registrytest.New()
	have, names, err := m.load(server)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Close()
	var remembered scan.Facts // stays a nil interface without a directory
	if m.facts != "" {
		if err := os.MkdirAll(m.facts, 0o755); err != nil {
			return err
		}
		remembered = facts(m.facts)
	}
	e, err := newEngine(server, rules, remembered, m.archives != "")
	if err != nil {
		return err
	}
	e.fetched = lockkeeper.Sum([]byte(strings.Join(names, "\n")))
	var all []*measured
	for _, path := range m.histories {
		h, err := openHistory(ctx, path)
		if err != nil {
			return err
		}
		found, err := walk(ctx, e, h, have, m.accepted)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, found)
		printHistory(out, found, m.verbose)
	}
	if len(all) > 1 {
		printHistory(out, sum(all), false)
	}
	return nil
}

// load gives the server what it serves, and says which of Python's files it has.
func (m measurement) load(server *registrytest.Server) (have func(lockkeeper.Digest) bool, names []string, err error) {
	if m.registry != "" {
		data, err := os.ReadFile(m.registry)
		if err != nil {
			return nil, nil, err
		}
		return everything, nil, server.LoadText(data)
	}
	if err := server.LoadMirror(m.archives); err != nil {
		return nil, nil, err
	}
	return fetchedFiles(filepath.Join(m.archives, "pypi"))
}

// everything is have where nothing is left out.
func everything(lockkeeper.Digest) bool { return true }

// fetchedFiles is true for the digests of a directory's files.
func fetchedFiles(dir string) (have func(lockkeeper.Digest) bool, names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, err
	}
	digests := map[lockkeeper.Digest]bool{}
	for _, e := range entries {
		digest, err := fileDigest(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, nil, err
		}
		digests[digest] = true
		names = append(names, e.Name())
	}
	return func(d lockkeeper.Digest) bool { return digests[d] }, names, nil
}

func fileDigest(path string) (lockkeeper.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return lockkeeper.SumBytes(sum.Sum(nil)), nil
}
