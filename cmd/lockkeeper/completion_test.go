package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
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

// shells ask each shell itself what it makes of a line when the tab key is pressed, with
// its script as "lockkeeper completion SHELL" prints it. Each prints the line or the word
// after that.
var shells = map[string]string{
	// COMP_WORDS as readline gives them: broken at "=".
	"bash": `source script
	declare -F "$(complete -p lockkeeper | sed 's/.*-F \([^ ]*\).*/\1/')" >/dev/null || exit 1
	while IFS= read -r line; do
		read -ra COMP_WORDS <<<"${line//=/ = }"
		[[ $line == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
		_lockkeeper
		printf '%s\n' "${COMPREPLY[*]}"
	done <lines`,
	"fish": `source script
	while read --local line
		complete -C $line | string split -f1 \t | string join ' '
	end <lines
	true`, // the status of the last read is that there was none
	// In a terminal of its own, as somebody types it.
	"zsh": `zmodload zsh/zpty
	zpty z 'zsh -f -i'
	zpty -w z "PS1= PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source ./script"
	zpty -w z 'tell() { print -r -- "$BUFFER" >>told; BUFFER=; print -r -- "to""ld" }; zle -N tell; bindkey "^X" tell; print re''ady'
	zpty -r -m z out '*ready*' || exit 1
	while IFS= read -r line; do
		zpty -w -n z "$line"$'\t\x18'
		zpty -r -m z out '*told*' || exit 1
	done <lines
	zpty -d z
	while IFS= read -r line; do print -r -- "${${line% }##* }"; done <told`,
}

// TestCompletionScripts presses the tab key. bash is everywhere where the tests run;
// scripts/shells installs the others.
func TestCompletionScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked := [][3]string{ // a line, what is completed, and as bash says it, where that differs
		{"lockkeeper expl", "explain"},
		{"lockkeeper policy te", "test"},
		{"lockkeeper allow pr", "prune"},
		{"lockkeeper scan --form", "--format"},
		{"lockkeeper scan --format j", "json"},
		{"lockkeeper scan --format=j", "--format=json", "json"},
		{"lockkeeper policy test --format js", "json"},
		{"lockkeeper explain checksum-c", "checksum-changed"},
		{"lockkeeper completion f", "fish"},
		{"lockkeeper scan Car", "Cargo.lock"},
		{"lockkeeper scan Cargo.lock ot", "other.lock"},
		{"lockkeeper policy test --policy ot", "other.lock"},
	}
	for shell, program := range shells {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				if shell == "bash" || os.Getenv("LOCKKEEPER_SHELL_TESTS") != "" {
					t.Fatalf("%s is not here: scripts/shells installs it", shell)
				}
				t.Skipf("%s is not here: scripts/shells installs it", shell)
			}
			dir := t.TempDir()
			if err := os.Symlink(self, filepath.Join(dir, "lockkeeper")); err != nil { // TestMain runs main by that name
				t.Fatal(err)
			}
			var script, errs strings.Builder
			if code := run(context.Background(), []string{"completion", shell}, nil, strings.NewReader(""), &script, &errs); code != exitOK {
				t.Fatal(&errs)
			}
			var lines, want strings.Builder
			for _, ask := range asked {
				answer := ask[1]
				if shell == "bash" {
					answer = cmp.Or(ask[2], ask[1])
				}
				fmt.Fprintln(&lines, ask[0])
				fmt.Fprintln(&want, answer)
			}
			for name, text := range map[string]string{"script": script.String(), "lines": lines.String(), "Cargo.lock": "", "other.lock": "", "told": ""} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, "-c", program)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb"}
			var said bytes.Buffer
			cmd.Stderr = &said
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s%s", err, out, &said)
			}
			if diff := gocmp.Diff(want.String(), string(out)); diff != "" || said.Len() > 0 {
				t.Errorf("%s completes (-want +got):\n%s%s", shell, diff, &said)
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
