package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// candidates asks as the shells' scripts do.
func candidates(t *testing.T, words ...string) []string {
	t.Helper()
	var out, errs strings.Builder
	if code := run(context.Background(), append([]string{"complete", "--"}, words...), nil, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("%q: exit code %d: %s", words, code, &errs)
	}
	var found []string
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		found = append(found, word)
	}
	return found
}

func TestCompletion(t *testing.T) {
	for _, test := range []struct {
		words []string
		want  []string // exactly; nil: see has
		has   string
	}{
		{words: []string{"sc"}, want: []string{"scan"}},
		{words: []string{""}, has: "init"},
		{words: []string{"policy", ""}, want: []string{"check", "explain", "test"}},
		{words: []string{"allow", "a"}, want: []string{"add"}},
		{words: []string{"scan", "--form"}, want: []string{"--format"}},
		{words: []string{"scan", "--"}, has: "--quiet"},
		{words: []string{"scan", "--format", ""}, want: []string{"text", "markdown", "json", "sarif", "html", "csv"}},
		{words: []string{"scan", "--format=j"}, want: []string{"--format=json"}},
		{words: []string{"scan", "--nothing=j"}},
		{words: []string{"scan", "-C", ""}, want: []string{":file"}},
		{words: []string{"scan", ""}, want: []string{":file"}},
		{words: []string{"scan", "--all", "--format", "c"}, want: []string{"csv"}},
		{words: []string{"explain", "publisher-"}, want: []string{"publisher-changed", "publisher-downgraded"}},
		{words: []string{"--quiet", "explain", "checksum-c"}, want: []string{"checksum-changed"}},
		{words: []string{"completion", "f"}, want: []string{"fish"}},
		{words: []string{"compl"}, want: []string{"completion"}}, // the hidden command is not offered
		{words: []string{"nothing", ""}, has: "scan"},
	} {
		got := candidates(t, test.words...)
		if test.has != "" && !slices.Contains(got, test.has) || test.has == "" && !slices.Equal(got, test.want) {
			t.Errorf("%q: %q; want %q%s", test.words, got, test.want, test.has)
		}
	}
}

// The scripts themselves, in the shells that are here. bash is everywhere where the
// tests run.
func TestCompletionScripts(t *testing.T) {
	script := func(shell string) string {
		var out, errs strings.Builder
		if code := run(context.Background(), []string{"completion", shell}, nil, strings.NewReader(""), &out, &errs); code != exitOK {
			t.Fatalf("%s: %s", shell, &errs)
		}
		return out.String()
	}
	dir := t.TempDir()
	// A stand-in for the program that answers as it would.
	fake := "#!/bin/sh\ncase \"$*\" in\n'complete -- scan --format=j') printf '%s\\n' --format=json;;\n'complete -- ex') printf 'explain\\tSay what\\n';;\n'complete -- scan ') echo :file;;\nesac\n"
	if err := os.WriteFile(dir+"/lockkeeper", []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/Cargo.lock", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ask := map[string]string{
		"bash": script("bash") + `
			one() { COMP_WORDS=(lockkeeper "$@"); COMP_CWORD=$#; _lockkeeper; printf '%s\n' "${COMPREPLY[@]}"; }
			one ex; one scan --format = j; one scan ""`,
		"fish": script("fish") + "\ncomplete -C 'lockkeeper ex' | string split -f1 \\t\ncomplete -C 'lockkeeper scan --format=j'\ncomplete -C 'lockkeeper scan '",
		"zsh":  "autoload -Uz compinit; compinit -u -D\n" + script("zsh") + "\nwhence -w _lockkeeper; print -r -- $_comps[lockkeeper]",
	}
	want := map[string]string{"bash": "explain json Cargo.lock", "fish": "explain --format=json Cargo.lock", "zsh": "_lockkeeper: function _lockkeeper"}
	for shell, text := range ask {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil && shell != "bash" {
				t.Skipf("%s is not here", shell)
			}
			cmd := exec.Command(path, "-c", text)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb"}
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, &errs)
			}
			var got []string
			for _, word := range strings.Fields(string(out)) {
				if word != "lockkeeper" { // the other file of the directory
					got = append(got, word)
				}
			}
			if strings.Join(got, " ") != want[shell] || errs.Len() > 0 {
				t.Errorf("%s completes %q, want %q\n%s", shell, got, want[shell], &errs)
			}
		})
	}
}

// The manual names every command, and troff finds nothing wrong with it.
func TestManual(t *testing.T) {
	var out, errs strings.Builder
	if code := run(context.Background(), []string{"man"}, nil, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatal(errs.String())
	}
	for _, part := range []string{".SS lockkeeper scan [OLD] [NEW]", ".SS lockkeeper policy test", ".SS lockkeeper explain [WORD]", ".B \\-C, \\-\\-repo=DIR", ".SH ENVIRONMENT"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the manual lacks %q", part)
		}
	}
	if strings.Contains(out.String(), "SS lockkeeper complete\n") {
		t.Error("the manual has the hidden command")
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		return
	}
	cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z")
	cmd.Stdin = strings.NewReader(out.String())
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("groff: %v\n%s", err, said)
	}
}
