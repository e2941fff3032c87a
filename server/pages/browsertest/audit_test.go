package browsertest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/html"
	"github.com/lockkeeper/lockkeeper/scan"
)

// TestAuditInEveryLook: the audit as one file is as accessible as the pages, and
// everything in it can be found by its name.
func TestAuditInEveryLook(t *testing.T) {
	b := launch(t)
	var document bytes.Buffer
	if err := html.Audit(&document, audit()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "audit.html")
	if err := os.WriteFile(path, document.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]look{"light": wide, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			tab := (&browser{t, b.rod, b.axe}).open(l)
			tab.visit("file://" + path)
			tab.accessible()
			tab.says("part-39")
			tab.picture("audit-" + name)
			tab.click("details.uses summary")
			tab.says("build.rs:3")
			tab.accessible()
		})
	}
}

// audit is a report about forty crates and one with a long name.
func audit() *report.Report {
	r := &report.Report{Scan: &scan.Result{Head: "work tree", Lockfiles: []scan.Lockfile{{Path: "Cargo.lock"}, {Path: "tools/uv.lock"}}}, Listed: map[lockkeeper.Digest]int{}}
	add := func(name string, i int, can ...buildcode.Capability) {
		code := &policy.Code{Kinds: []buildcode.Kind{buildcode.BuildScript}, Capabilities: can, Files: []string{"build.rs"}, Digest: lockkeeper.Sum([]byte(name))}
		for _, c := range can {
			code.Uses = append(code.Uses, buildcode.Use{Capability: c, Path: "build.rs", Line: 3, Text: fmt.Sprintf("Command::new(%q)", c)})
		}
		f := policy.Finding{Rule: policy.BuildCodeAdded, Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name, Version: "1.2.3"}, Lockfile: "Cargo.lock", Line: 10 * i, Code: code}
		o := policy.Outcome{Finding: f, Digest: f.Digest(), Level: policy.WarnLevel, State: policy.Warned}
		if i%3 == 0 {
			r.Listed[o.Digest] = i
		}
		by := lockkeeper.Principal{Kind: lockkeeper.User, ID: fmt.Sprint(i%5 + 1), Login: "maker"}
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
		r.Scan.Changes = append(r.Scan.Changes, scan.Change{
			Package: f.Package, PURL: f.Package.String(), Kind: lockfile.Added, Lockfile: f.Lockfile, Through: []string{"framework", "middleware", "part"},
			Published: scan.Published{By: by, Basis: scan.Stated, Compared: 8, Same: 7, Others: 1, Before: lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "somebody/something"}, At: time.Date(2026, 3, i%28+1, 0, 0, 0, 0, time.UTC), Since: time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC)},
		})
	}
	for i := range 40 {
		can := []buildcode.Capability{buildcode.Compile}
		if i%5 == 0 {
			can = []buildcode.Capability{buildcode.Network, buildcode.RunUnknown, buildcode.ReadEnv, buildcode.Run("a-program-with-a-long-name")}
		}
		add(fmt.Sprintf("part-%02d", i), i, can...)
	}
	add("a-crate-that-has-a-name-which-is-much-longer-than-anybody-would-ever-give-to-one", 41)
	gone := policy.Finding{Rule: policy.ReleaseYanked, Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "gone", Version: "1.0.0"}, Lockfile: "Cargo.lock", Line: 7, Message: "was yanked by its publisher"}
	r.Decision.Outcomes = append(r.Decision.Outcomes, policy.Outcome{Finding: gone, Digest: gone.Digest(), Level: policy.SignOffLevel, State: policy.Open})
	return r
}
