// Command python compares what buildcode/python says of published packages with
// what building them and starting an interpreter beside them really executes.
//
//	python3 bench/published/python/fetch.py bench/published/packages.tsv DIR
//	python3 bench/published/python/build.py DIR TRACES      (runs code of the packages)
//	go run ./bench/published/python bench/published/packages.tsv DIR TRACES
//
// packages.tsv holds one package a line, separated by tabs: name, version, and what
// is expected to run of its sdist and of its wheel (kinds of build code joined by
// "+", "-" for nothing, "none" where there is no such file). With -update they are
// written as they were found.
//
// A miss is a file of the archive that was executed and is not in the surface, or a
// program or connection that code of the package started and that no capability
// tells. A miss, or anything that the list expects otherwise, ends it with exit
// code 1.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/python"
	"github.com/lockkeeper/lockkeeper/registry"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("python", flag.ContinueOnError)
	flags.SetOutput(stderr)
	update := flags.Bool("update", false, "write what was found into the list")
	evidence := flags.Bool("evidence", false, "print the places of grave capabilities")
	if flags.Parse(args) != nil || flags.NArg() != 3 {
		fmt.Fprintln(stderr, "usage: python [-update] [-evidence] PACKAGES.TSV DIR TRACES")
		return 2
	}
	b := &bench{archives: flags.Arg(1), traces: flags.Arg(2), out: stdout, evidence: *evidence, capabilities: make(map[buildcode.Capability]int)}
	list, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	var lines []string
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			lines = append(lines, line)
			continue
		}
		row, err := b.row(strings.Split(strings.TrimRight(line, "\n"), "\t"))
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		lines = append(lines, strings.Join(row, "\t")+"\n")
	}
	b.summary()
	if *update {
		if err := os.WriteFile(flags.Arg(0), []byte(strings.Join(lines, "")), 0o644); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	if b.misses > 0 || b.unexpected > 0 && !*update {
		return 1
	}
	return 0
}

// bench counts over the whole list.
type bench struct {
	archives, traces string
	out              io.Writer
	evidence         bool

	packages, built, started          int // looked at; with a trace of a build; with a trace of a start
	complete                          int // builds that came to their end
	executed, programs, connects      int // files and events that were compared
	misses, unexpected                int
	sdists, wheels, nothing, ordinary int
	grave, hooks, later               int
	capabilities                      map[buildcode.Capability]int
	bytes                             int64
	took                              time.Duration
}

// row looks at one package and returns its line as it was found.
func (b *bench) row(fields []string) ([]string, error) {
	for len(fields) < 4 {
		fields = append(fields, "")
	}
	b.packages++
	found := []string{fields[0], fields[1], "none", "none"}
	for i, kind := range []registry.Kind{registry.Sdist, registry.Wheel} {
		name := []string{"sdist", "wheel"}[i]
		paths, err := filepath.Glob(filepath.Join(b.archives, name, fields[0], "*"))
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			a, s, err := b.analyse(kind, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p, err)
			}
			found[2+i] = kinds(s)
			b.count(kind, fields[0], s)
			if err := b.compare(fields[0], name, a, s); err != nil {
				return nil, err
			}
		}
		if fields[2+i] != "" && fields[2+i] != found[2+i] {
			b.unexpected++
			fmt.Fprintf(b.out, "UNEXPECTED %s %s: the %s runs %s, not %s\n", fields[0], fields[1], name, found[2+i], fields[2+i])
		}
	}
	return found, nil
}

func kinds(s buildcode.Surface) string {
	if s.Hooks != nil {
		s.Kinds = append(slices.Clone(s.Kinds), s.Hooks.Kinds...)
	}
	if !s.Runs() {
		return "-"
	}
	var out []string
	for _, k := range s.Kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, "+")
}

// slow is an analysis that is worth a look.
const slow = 5 * time.Second

func (b *bench) analyse(kind registry.Kind, path string) (*archive.Archive, buildcode.Surface, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, buildcode.Surface{}, err
	}
	ctx := context.Background()
	a, err := archive.Open(ctx, kind, filepath.Base(path), bytes.NewReader(data), int64(len(data)), lockkeeper.Sum(data), archive.Limits{})
	if err != nil {
		return nil, buildcode.Surface{}, err
	}
	from := time.Now()
	analyse := python.AnalyseSdist
	if kind == registry.Wheel {
		analyse = python.AnalyseWheel
	}
	s, err := analyse(ctx, a)
	if took := time.Since(from); took > slow {
		fmt.Fprintf(b.out, "slow   %s: %.1f s\n", filepath.Base(path), took.Seconds())
	}
	b.took += time.Since(from)
	b.bytes += int64(len(data))
	return a, s, err
}

func (b *bench) count(kind registry.Kind, name string, s buildcode.Surface) {
	if kind == registry.Wheel {
		b.wheels++
		if s.Runs() {
			b.hooks++
			fmt.Fprintf(b.out, "hook   %s: %d files, %v\n", name, len(s.Files), s.Capabilities)
		}
		return
	}
	b.sdists++
	if s.Hooks != nil {
		b.later++
		fmt.Fprintf(b.out, "hook   %s: %v, %v\n", name, s.Hooks.Files[0].Path, s.Hooks.Capabilities)
	}
	switch {
	case !s.Runs():
		b.nothing++
		return
	case !s.Grave():
		b.ordinary++
		return
	}
	b.grave++
	var grave []buildcode.Capability
	for _, c := range s.Capabilities {
		if c.Grave() {
			grave = append(grave, c)
			b.capabilities[c]++
		}
	}
	fmt.Fprintf(b.out, "grave  %s: %v, %d files\n", name, grave, len(s.Files))
	if b.evidence {
		for _, u := range s.Uses {
			if u.Capability.Grave() {
				fmt.Fprintf(b.out, "       %-16s %s:%d %s\n", u.Capability, u.Path, u.Line, u.Text)
			}
		}
	}
}

// trace is what build.py writes for one archive.
type trace struct {
	State  string  `json:"state"`
	Events []event `json:"events"`
}

// event is one line of audit.py.
type event struct {
	Executed  string   `json:"executed"`
	Loaded    string   `json:"loaded"`
	Program   string   `json:"program"`
	Arguments []string `json:"arguments"`
	Fork      string   `json:"fork"`
	Network   string   `json:"network"`
	By        []string `json:"by"`
	Broken    string   `json:"broken"`
}

// compare holds a surface against what was observed.
func (b *bench) compare(name, kind string, a *archive.Archive, s buildcode.Surface) error {
	data, err := os.ReadFile(filepath.Join(b.traces, name+"."+kind+".json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var t trace
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("%s.%s.json: %w", name, kind, err)
	}
	if kind == "wheel" {
		b.started++
	} else {
		b.built++
		if t.State == "ok" {
			b.complete++
		}
	}
	seen := make(map[string]bool)
	miss := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !seen[text] {
			seen[text] = true
			b.misses++
			fmt.Fprintf(b.out, "MISS   %s %s: %s\n", name, kind, text)
		}
	}
	for _, e := range t.Events {
		if e.Broken != "" {
			miss("the hook broke: %s", e.Broken)
		}
		for _, file := range []string{e.Executed, e.Loaded} {
			if file == "" || !a.Has(file) {
				continue // made by the build, or outside
			}
			b.executed++
			if !slices.ContainsFunc(s.Files, func(f buildcode.File) bool { return f.Path == file }) {
				miss("%s was executed and is not in the surface", file)
			}
		}
		own := slices.IndexFunc(e.By, func(by string) bool { return strings.HasPrefix(by, "@") })
		if own < 0 {
			continue // what a build requirement does by itself
		}
		switch {
		case e.Network != "":
			b.connects++
			if !slices.Contains(s.Capabilities, buildcode.Network) {
				miss("%s by %v, but no network", e.Network, e.By)
			}
		case e.Program != "" || e.Fork != "":
			b.programs++
			if !tells(s, e, own == 0) {
				miss("%s %v by %v, but only %v", e.Program+e.Fork, e.Arguments, e.By, s.Capabilities)
			}
		}
	}
	return nil
}

// tells reports whether a capability of s tells that a program was started:
// directly by its name, or through a build requirement that compiles.
func tells(s buildcode.Surface, e event, direct bool) bool {
	has := func(c buildcode.Capability) bool { return slices.Contains(s.Capabilities, c) }
	if has(buildcode.RunUnknown) || has(buildcode.Run(e.Program)) {
		return true
	}
	if strings.HasPrefix(e.Program, "python") {
		// A script of the archive speaks for itself; that it is in the surface was
		// compared where it was executed.
		return has(buildcode.Run("python")) || slices.ContainsFunc(e.Arguments[1:], func(a string) bool {
			return slices.ContainsFunc(s.Files, func(f buildcode.File) bool { return strings.HasSuffix(a, "/"+f.Path) })
		}) || !direct
	}
	return !direct && (has(buildcode.Compile) || !strings.HasPrefix(e.By[0], "setuptools/_distutils/"))
}

func (b *bench) summary() {
	fmt.Fprintf(b.out, "\n%d packages, %d sdists, %d wheels; %.0f MB packed analysed in %.1f s\n", b.packages, b.sdists, b.wheels, float64(b.bytes)/1e6, b.took.Seconds())
	fmt.Fprintf(b.out, "sdists: %d run nothing, %d ordinary, %d grave; with start-up hooks: %d sdists, %d wheels\n", b.nothing, b.ordinary, b.grave, b.later, b.hooks)
	fmt.Fprintf(b.out, "observed: %d builds (%d came to their end), %d starts; %d executions of files, %d programs and %d connections by code of the packages\n", b.built, b.complete, b.started, b.executed, b.programs, b.connects)
	var names []string
	for c, n := range b.capabilities {
		names = append(names, fmt.Sprintf("%4d %s", n, c))
	}
	slices.Sort(names)
	slices.Reverse(names)
	fmt.Fprintf(b.out, "%s\n%d misses, %d unexpected\n", strings.Join(names, "\n"), b.misses, b.unexpected)
}
