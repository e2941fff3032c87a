package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// elsewhere are commands of the documents that this test does not run, and what does.
var elsewhere = map[string]string{
	"go install ":                  "go build of scripts/test; there is no published module to install in a test",
	"go run ./cmd/lockkeeper demo": "TestDemo",
	"lockkeeper demo":              "TestDemo",
	"lockkeeper serve":             "TestServe",
	"lockkeeper setup ":            "TestSetUp",
	"lockkeeper owners import":     "testdata/script/owners.txtar",
	"lockkeeper doctor --server":   "TestDoctor",
	"lockkeeper store ":            "the scripts about stores in testdata/script",
	"go run ./bench/":              "the tests of bench",
	"bench/":                       "the tests of bench",
	"./scripts/test":               "this is part of it",
	"go install ./cmd/lockkeeper":  "scripts/test builds it",
}

// commandLines are those of a document: lines of console blocks that begin with "$ ",
// and indented ones that begin with a program's name. What follows two blanks and "#"
// is a remark.
func commandLines(text string) []string {
	var lines []string
	console, fence := false, false
	program := regexp.MustCompile(`^    (lockkeeper|go|git|bench/|\./scripts/)\S* ?`)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			console, fence = line == "```console" && !fence, !fence
			continue
		}
		command, ok := strings.CutPrefix(line, "$ ")
		if !console || !ok {
			if fence || !program.MatchString(line) {
				continue
			}
			command = strings.TrimSpace(line)
		}
		command, _, _ = strings.Cut(command, "  #")
		lines = append(lines, strings.TrimSpace(command))
	}
	return lines
}

// Every command line in the documents works: in a repository with a change that asks
// for a sign-off, a history and a policy, registries on loopback.
func TestCommandLinesOfTheDocuments(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../../docs/rules/*.md")
	if err != nil {
		t.Fatal(err)
	}
	fixture, err := os.ReadFile("testdata/docs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir, count := t.TempDir(), 0
	for _, path := range slices.Concat(documents, pages, []string{"../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md"}) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script := txtar.Parse(slices.Clone(fixture))
		script.Comment = slices.Clip(script.Comment) // a part of what the files lie in
		n := 0
		for _, command := range commandLines(string(data)) {
			if by := runElsewhere(command); by != "" {
				continue
			}
			if !strings.HasPrefix(command, "lockkeeper ") && !strings.HasPrefix(command, "git ") {
				t.Errorf("%s: nobody runs %q", path, command)
				continue
			}
			n++
			script.Comment = append(script.Comment, fmt.Sprintf("exec bash run.sh %s\n", quote(strings.ReplaceAll(command, "/etc/lockkeeper.toml", "$WORK/lockkeeper.toml")))...)
		}
		if count += n; n == 0 {
			continue
		}
		name := strings.NewReplacer("/", "-", "..", "", ".md", "").Replace(path)
		if err := os.WriteFile(filepath.Join(dir, strings.Trim(name, "-")+".txtar"), txtar.Format(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if count < 10 {
		t.Errorf("only %d command lines were found", count)
	}
	p := scripts(t, dir)
	p.Setup = withJQ(p.Setup)
	testscript.Run(t, p)
}

// runElsewhere is what runs the command instead; the longest beginning counts.
func runElsewhere(command string) string {
	best := ""
	for begin := range elsewhere {
		if strings.HasPrefix(command, begin) && len(begin) > len(best) {
			best = begin
		}
	}
	return elsewhere[best]
}

// quote makes one word of a script.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// withJQ puts a stand-in for jq on the path: that documents pipe to it is what counts.
func withJQ(setup func(*testscript.Env) error) func(*testscript.Env) error {
	return func(env *testscript.Env) error {
		if err := setup(env); err != nil {
			return err
		}
		bin := filepath.Join(env.WorkDir, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return err
		}
		env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
		return os.WriteFile(filepath.Join(bin, "jq"), []byte("#!/bin/sh\nexec cat\n"), 0o755)
	}
}

// Every example of --help is a command line that there is.
func TestExamplesOfHelpParse(t *testing.T) {
	var c cli
	parser, err := newParser(&c)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, leaf := range parser.Model.Leaves(true) {
		for line := range strings.Lines(leaf.Detail) {
			_, example, found := strings.Cut(strings.TrimSpace(line), "lockkeeper ")
			before, _, _ := strings.Cut(strings.TrimSpace(line), "lockkeeper ")
			if !found || before != "" && before != "Example: " {
				continue
			}
			example, _, _ = strings.Cut(example, "   ")
			example, _, _ = strings.Cut(example, " | ")
			example, _, _ = strings.Cut(example, " > ")
			count++
			args := words(example)
			var c cli
			parser, err := newParser(&c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(args); err != nil && !strings.Contains(err.Error(), "no such file") {
				t.Errorf("%s: example %q: %v", leaf.Path(), example, err)
			}
		}
	}
	if count < 15 {
		t.Errorf("only %d examples were found", count)
	}
}

// words splits a command line as a shell does, as far as the examples need.
func words(line string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}
