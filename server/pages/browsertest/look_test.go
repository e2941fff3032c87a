package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// TestEveryPageInEveryLook: no page has an accessibility violation or is wider than the
// screen, in light, dark or narrow.
func TestEveryPageInEveryLook(t *testing.T) {
	b := launch(t)
	w, p := incident(t)
	empty := pagestest.New(t, pagestest.Options{})
	crates, lock := manyCrates(40)
	many := pagestest.New(t, pagestest.Options{Crates: crates})
	flood := many.Open("Update everything", many.Lock(lock...))
	many.Settle()
	for name, l := range map[string]look{"light": wide, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			for _, page := range []struct {
				name string
				w    *pagestest.World
				path string
			}{
				{"details", w, w.Path(p)}, {"overview", w, "/"}, {"allowlist", w, "/acme/app"}, {"not-found", w, "/acme/other"},
				{"empty", empty, "/"}, {"empty-allowlist", empty, "/acme/app"}, {"forty", many, many.Path(flood)},
			} {
				t.Run(page.name, func(t *testing.T) {
					tab := (&browser{t, b.rod.MustIncognito(), b.axe}).open(l)
					if page.name == "not-found" {
						tab.expect("status of 404")
					}
					tab.visit(page.w.URL + page.path)
					if page.name == "details" {
						tab.accessible()
						tab.picture("login-" + name)
					}
					tab.signIn(page.w, "reviewer", page.path)
					tab.accessible()
					tab.picture(page.name + "-" + name)
				})
			}
		})
	}
}

// TestAxeSees: the other tests would see a violation if there were one.
func TestAxeSees(t *testing.T) {
	b := launch(t)
	w := pagestest.New(t, pagestest.Options{})
	tab := b.open(wide)
	tab.visit(w.URL + "/login")
	if found := tab.violations(); len(found) != 0 {
		t.Errorf("before: %q", found)
	}
	_, err := tab.Eval(`() => { document.querySelector("p").style.cssText = "color: #ddd"; document.querySelector("a.main").textContent = "" }`)
	tab.must(err)
	if found := strings.Join(tab.violations(), "\n"); !strings.Contains(found, "color-contrast") || !strings.Contains(found, "link-name") {
		t.Errorf("axe sees neither grey on white nor a link without a name: %q", found)
	}
}

// manyCrates are n crates with build code, and what a lockfile locks with them.
func manyCrates(n int) (text string, lock []string) {
	var b, sources strings.Builder
	b.WriteString("-- registry.toml --\n")
	for i := range n {
		name := fmt.Sprintf("part-%02d", i)
		fmt.Fprintf(&b, "[crates.\"%s@1.0.0\"]\npublished = 2024-01-01T00:00:00Z\npublisher = \"user:%d maker-%d\"\n", name, i%5+10, i%5+10)
		fmt.Fprintf(&sources, "-- crates/%s/1.0.0/Cargo.toml --\n[package]\nname = %q\nversion = \"1.0.0\"\nbuild = \"build.rs\"\n-- crates/%s/1.0.0/src/lib.rs --\n-- crates/%s/1.0.0/build.rs --\n", name, name, name, name)
		fmt.Fprintf(&sources, "use std::process::Command;\n\nfn main() {\n    // Part %d of many.\n    Command::new(\"git\").arg(\"describe\").status().unwrap();\n%s}\n", i, strings.Repeat("    println!(\"cargo:rustc-cfg=part\");\n", i))
		lock = append(lock, name+"@1.0.0")
	}
	return b.String() + sources.String(), append(lock, "assembler@0.17.8", "quiet@1.0.0", "tables@1.4.1")
}
