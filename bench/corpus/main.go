// Command corpus reads directories of lockfiles, each the history of one, named
// NUMBER-DATE-COMMIT.NAME, and prints a table: how much there is to read, how often
// neighbours differ and in what, and which of the packages that differ have a name like
// another's in the lockfile, so that findings about them would say so. A file that cannot be read ends it with exit
// code 1.
//
//	go run ./bench/corpus DIR...
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
	"github.com/lockkeeper/lockkeeper/scan"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(dirs []string, stdout, stderr io.Writer) int {
	if len(dirs) == 0 {
		fmt.Fprintln(stderr, "usage: corpus DIR...")
		return 2
	}
	var alike []string
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "directory\tfiles\tversions\tentries\tedges\tpairs\tadded\tupdated\tmoved\taltered\tremoved\talike\tms to read\t")
	for _, dir := range dirs {
		h, err := read(dir)
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d-%d\t%d-%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t\n", filepath.Base(dir), h.files, strings.Join(h.versions, ","),
			slices.Min(h.entries), slices.Max(h.entries), slices.Min(h.edges), slices.Max(h.edges), h.files-1,
			h.kinds[lockfile.Added], h.kinds[lockfile.Updated], h.kinds[lockfile.Moved], h.kinds[lockfile.Altered], h.kinds[lockfile.Removed], h.alike,
			float64(h.took.Microseconds())/1000)
		for _, text := range slices.Sorted(maps.Keys(h.names)) {
			alike = append(alike, filepath.Base(dir)+": "+text)
		}
	}
	if err := table.Flush(); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, line := range alike {
		fmt.Fprintln(stdout, line)
	}
	return 0
}

// history is what one directory holds.
type history struct {
	files          int
	versions       []string
	entries, edges []int
	kinds          map[lockfile.Kind]int
	alike          int             // packages that differ and look like another, counted for each pair
	names          map[string]bool // what is said of them, each once
	took           time.Duration   // for parsing all
}

func read(dir string) (*history, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*-*-*.*"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("%s: no files NUMBER-DATE-COMMIT.NAME, %v", dir, err)
	}
	h := &history{kinds: map[lockfile.Kind]int{}, names: map[string]bool{}}
	var before *lockfile.Lockfile
	for _, path := range paths {
		_, name, _ := strings.Cut(filepath.Base(path), ".")
		format, known := lockfile.FormatOf(name)
		if !known {
			return nil, fmt.Errorf("%s: %s is not the name of a lockfile", path, name)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		start := time.Now()
		l, err := formats.Parse(format, path, data)
		if err != nil {
			return nil, err
		}
		h.took += time.Since(start)
		edges := 0
		for _, e := range l.Entries {
			edges += len(e.Edges)
		}
		h.files++
		h.entries, h.edges = append(h.entries, len(l.Entries)), append(h.edges, edges)
		if !slices.Contains(h.versions, l.Version) {
			h.versions = append(h.versions, l.Version)
		}
		if before != nil {
			for _, c := range lockfile.Diff(before, l) {
				h.kinds[c.Kind]++
			}
			for name, text := range scan.LookAlike(before, l) {
				h.alike++
				h.names[name+" "+text] = true
			}
		}
		before = l
	}
	return h, nil
}
