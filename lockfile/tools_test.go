package lockfile_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
)

// answer is what a real tool says that a lockfile locks. scripts/tools writes
// answers, and fails if one differs from what is committed.
type answer struct {
	File, Tool, Version, How string
	Packages                 []locked
}

// locked is a package in one notation for all tools. Its source is "registry" for
// the public one, "registry URL", "git URL@commit", "path" or "url URL".
// Nil stands for what the tool does not report.
type locked struct {
	Name    string
	Version *string
	Source  *string
	Digests []string // sorted
}

func (l locked) String() string {
	version, source, digests := "?", "?", "?"
	if l.Version != nil {
		version = *l.Version
	}
	if l.Source != nil {
		source = *l.Source
	}
	if l.Digests != nil {
		digests = strings.Join(l.Digests, " ")
	}
	return l.Name + " " + version + " from " + source + " with " + digests
}

// TestToolsAgree compares what we read with what the real tools read: the same
// packages with the same sources and digests, none more and none less.
func TestToolsAgree(t *testing.T) {
	answers, err := filepath.Glob("testdata/tools/*/answer.*.json")
	if err != nil || len(answers) == 0 {
		t.Fatalf("answers: %v, %v", answers, err)
	}
	for _, file := range answers {
		dir, name := filepath.Split(file)
		reader := strings.TrimSuffix(strings.TrimPrefix(name, "answer."), ".json")
		t.Run(filepath.Base(dir)+"/"+reader, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want answer
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if got := want.Tool + "-" + want.Version; got != reader || want.How == "" || len(want.Packages) == 0 {
				t.Fatalf("an answer of %s, got %q, of %d packages", got, want.How, len(want.Packages))
			}
			got := readAll(t, dir, want.File)
			want.Packages, got = unmatched(want.Packages, got)
			if diff := cmp.Diff(lines(want.Packages), lines(got)); diff != "" {
				t.Errorf("%s by %s (-%s +ours):\n%s", want.File, want.How, want.Tool, diff)
			}
		})
	}
}

// readAll parses a lockfile of a case and what it includes. To pip the index of one
// file is that of all files of the run, which no file alone can know.
func readAll(t *testing.T, dir, name string) []locked {
	t.Helper()
	format, known := lockfile.FormatOf(name)
	if !known {
		t.Fatalf("no format for %s", name)
	}
	var entries []lockfile.Entry
	index := lockfile.Source{Kind: lockfile.Registry}
	seen := map[string]bool{}
	for files := []string{name}; len(files) > 0; files = files[1:] {
		if seen[files[0]] {
			continue
		}
		seen[files[0]] = true
		data, err := os.ReadFile(path.Join(dir, files[0]))
		if err != nil {
			t.Fatal(err)
		}
		l, err := formats.Parse(format, files[0], data)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, l.Entries...)
		for _, include := range l.Includes {
			files = append(files, include.Path)
		}
		for _, setting := range l.Settings {
			if address, ok := strings.CutPrefix(setting.Text, "--index-url "); ok && address != publicIndex {
				index.URL = address
			}
		}
	}
	var all []locked
	for _, e := range entries {
		if e.Source.Public() {
			e.Source = index
		}
		all = append(all, neutral(e))
	}
	return all
}

const publicIndex = "https://pypi.org/simple"

func neutral(e lockfile.Entry) locked {
	var source string
	switch e.Source.Kind {
	case lockfile.Path:
		source = "path"
	case lockfile.Git:
		revision := e.Source.Revision
		if revision == "" { // a branch or tag, which a requirements file may leave it at
			revision, _, _ = strings.Cut(e.Source.Reference, " ")
			if strings.HasPrefix(revision, "subdirectory=") {
				revision = ""
			}
		}
		source = "git " + e.Source.URL + "@" + revision
	default:
		source = strings.TrimSpace(string(e.Source.Kind) + " " + e.Source.URL)
	}
	digests := []string{}
	for _, f := range e.Files {
		if f.Digest != "" {
			digests = append(digests, string(f.Digest))
		}
		digests = append(digests, f.Other...)
	}
	slices.Sort(digests)
	return locked{e.Package.Name, &e.Package.Version, &source, slices.Compact(digests)}
}

// unmatched drops what both sides have, each package once. What a tool does not
// report fits anything, so packages that it reports in full choose first.
func unmatched(want, got []locked) (onlyWant, onlyGot []locked) {
	vague := func(l locked) int {
		n := 0
		if l.Version == nil {
			n++
		}
		if l.Source == nil {
			n++
		}
		if l.Digests == nil {
			n++
		}
		return n
	}
	want = slices.Clone(want)
	slices.SortStableFunc(want, func(a, b locked) int { return vague(a) - vague(b) })
	for _, w := range want {
		i := slices.IndexFunc(got, func(g locked) bool {
			return w.Name == g.Name &&
				(w.Version == nil || *w.Version == *g.Version) &&
				(w.Source == nil || *w.Source == *g.Source) &&
				(w.Digests == nil || slices.Equal(w.Digests, g.Digests))
		})
		if i < 0 {
			onlyWant = append(onlyWant, w)
			continue
		}
		got = slices.Delete(got, i, i+1)
	}
	return onlyWant, got
}

func lines(packages []locked) []string {
	var all []string
	for _, p := range packages {
		all = append(all, p.String())
	}
	slices.Sort(all)
	return all
}
