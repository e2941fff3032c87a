package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// audited is a report about everything that is locked, with one package in two
// lockfiles, one that nobody could look at, and names as hostile as they come.
func audited() *Report {
	r := &Report{Scan: &scan.Result{Lockfiles: []scan.Lockfile{{Path: "Cargo.lock"}, {Path: "tools/Cargo.lock"}}}}
	r.Decision.Conclusion = policy.Neutral
	add := func(f policy.Finding, state policy.State, publisher string) {
		r.Decision.Outcomes = append(r.Decision.Outcomes, policy.Outcome{Finding: f, Digest: f.Digest(), Level: f.Rule.DefaultLevel(true), State: state})
		r.Scan.Changes = append(r.Scan.Changes, scan.Change{Package: f.Package, PURL: f.Package.String(), Kind: lockfile.Added, Publisher: publisher, Lockfile: f.Lockfile})
	}
	code := func(kind buildcode.Kind, can ...buildcode.Capability) *policy.Code {
		return &policy.Code{Kinds: []buildcode.Kind{kind}, Capabilities: can, Files: []string{"build.rs"}, Digest: lockkeeper.Sum([]byte(kind))}
	}
	ring := policy.Finding{Rule: policy.BuildCodeAdded, Package: crate("ring", "0.17.8"), Lockfile: "Cargo.lock", Line: 9, Code: code(buildcode.BuildScript, buildcode.Compile, "run:perl")}
	add(ring, policy.Admitted, "user:52 (briansmith)")
	ring.Lockfile, ring.Line = "tools/Cargo.lock", 4
	add(ring, policy.Admitted, "user:52 (briansmith)")
	add(policy.Finding{Rule: policy.BuildCodeAdded, Package: crate("serde_derive", "1.0.0"), Lockfile: "Cargo.lock", Code: code(buildcode.ProcMacro)}, policy.Warned, "unknown")
	add(policy.Finding{Rule: policy.StartupHook, Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI, Name: "=cmd|' /C calc'!A0", Version: "1\x1b[31m"}, Lockfile: "uv.lock", Code: code(buildcode.StartupHook, buildcode.Network)}, policy.Open, "@someone\n")
	add(policy.Finding{Rule: policy.BuildPathEntered, Package: crate("cc", "1.0.0"), Lockfile: "Cargo.lock"}, policy.Warned, "")
	add(policy.Finding{Rule: policy.ReleaseYanked, Package: crate("gone", "1.0.0"), Lockfile: "Cargo.lock", Line: 3, Message: "was yanked by its publisher"}, policy.Open, "")
	add(policy.Finding{Rule: policy.GuardChanged, Lockfile: ".cargo/config.toml", Message: "sets build.rustflags"}, policy.Open, "")
	return r
}

// What a spreadsheet takes for a formula, a terminal for an escape sequence or a
// reader for another row is none of that.
func TestPromise7AuditsAreInert(t *testing.T) {
	var text, table bytes.Buffer
	if err := Audit(&text, audited(), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\r") {
		t.Errorf("an escape sequence got through:\n%q", text.String())
	}
	if err := AuditCSV(&table, audited()); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 4 {
		t.Errorf("%d records; want a header and 3 packages", len(records))
	}
	for _, record := range records {
		for _, field := range record {
			if field != "" && strings.ContainsRune("=+-@", rune(field[0])) || strings.ContainsAny(field, "\n\x1b") {
				t.Errorf("a cell is no plain text: %q", field)
			}
		}
	}
}

// A registry that does not answer is told once.
func TestWhatCouldNotBeFoundOutIsToldOnce(t *testing.T) {
	r := &Report{Scan: &scan.Result{Lockfiles: []scan.Lockfile{{Path: "Cargo.lock"}}}, Decision: policy.Decision{Conclusion: policy.ActionRequired}}
	for i := range 40 {
		f := policy.Finding{
			Rule: policy.Unverified, Package: crate(fmt.Sprintf("crate-%02d", i), "1.0.0"), Lockfile: "Cargo.lock",
			Message: "could not be attributed to a publisher", Evidence: []string{fmt.Sprintf("no such host, asked for %d", i)},
		}
		r.Decision.Outcomes = append(r.Decision.Outcomes, policy.Outcome{Finding: f, Digest: f.Digest(), State: policy.Open})
	}
	var b bytes.Buffer
	if err := Text(&b, r, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Count(text, "no such host") != 1 || strings.Count(text, "SIGN-OFF") != 1 || !strings.Contains(text, "SIGN-OFF  40 packages   unverified") {
		t.Errorf("the same was told many times, or not at all:\n%s", text)
	}
	for i := range 40 {
		if name := fmt.Sprintf("crate-%02d", i); !strings.Contains(text, name) {
			t.Errorf("%s is not named", name)
		}
	}
}

// TestWidth: whatever the width, no line is longer, but for words that are.
func TestWidth(t *testing.T) {
	for _, width := range []int{60, 80, 140} {
		for name, render := range map[string]func(*bytes.Buffer) error{
			"text":  func(b *bytes.Buffer) error { return Text(b, example(), TextOptions{Width: width}) },
			"audit": func(b *bytes.Buffer) error { return Audit(b, audited(), TextOptions{Width: width}) },
		} {
			var b bytes.Buffer
			if err := render(&b); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				line = strings.TrimRight(line, "\n")
				command := strings.Contains(line, "lockkeeper ") // stays in one piece, to be copied
				if n := utf8.RuneCountInString(line); n > width && !command {
					t.Errorf("%s at %d: %d columns: %q", name, width, n, line)
				}
			}
		}
	}
}
