package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/input"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// wantCheck settles and compares the pull request's check.
func wantCheck(t *testing.T, w *pagestest.World, p *githubtest.Pull, want string) {
	t.Helper()
	w.Settle()
	if got, _ := w.Check(p); got != want {
		t.Errorf("the check is %q, want %q\n%s", got, want, w.Log)
	}
}

// TestSignOffByMouse: from the link in the check to a passing check.
func TestSignOffByMouse(t *testing.T) {
	b := launch(t)
	w, p := incident(t)
	wantCheck(t, w, p, "action_required")
	_, details := w.Check(p)
	if want := w.URL + w.Path(p); details != want {
		t.Fatalf("the check's details are at %q, want %q", details, want)
	}
	tab := b.open(wide)
	tab.signIn(w, "reviewer", w.Path(p))
	boxes, err := tab.Elements("input[name=finding]")
	tab.must(err)
	if len(boxes) != 2 {
		t.Fatalf("%d boxes, want 2", len(boxes))
	}
	tab.click("label.what")
	tab.must(tab.find("#reason").Input("I read the build script"))
	tab.click("#sign button")
	tab.says("Recorded and counted.")
	tab.says("1 package needs a sign-off")
	tab.says("signed by reviewer")
	tab.accessible()
	tab.picture("half-signed")
	wantCheck(t, w, p, "action_required")

	tab.click("input[name=which][value=all]")
	tab.must(tab.find("#reason").Input("perl is fine"))
	tab.click("#sign button")
	tab.says("2 packages signed off")
	tab.accessible()
	tab.picture("signed")
	wantCheck(t, w, p, "success")

	tab.click("input[name=verdict][value=reject]")
	tab.click("label.what")
	tab.must(tab.find("#reason").Input("no, look again"))
	tab.click("#sign button")
	tab.says("was rejected")
	tab.accessible()
	tab.picture("rejected")
	wantCheck(t, w, p, "failure")

	tab.visit(w.URL + "/acme/app")
	tab.says("no, look again")
	tab.accessible()
	tab.picture("allowlist-signed")
	tab.click("header.bar button")
	tab.says("Sign in")
	tab.visit(w.URL + w.Path(p))
	tab.says("Sign in")
	if strings.Contains(tab.text(), "grabber") {
		t.Error("the page is shown to nobody")
	}
}

// focused is the element that the keyboard is at: its name, value or text.
func (t *tab) focused() string {
	t.t.Helper()
	result, err := t.Eval(`() => { const e = document.activeElement; return [e.tagName.toLowerCase(), e.name || e.id || "", e.value || e.innerText || ""].join(" ") }`)
	t.must(err)
	return strings.TrimSpace(result.Value.Str())
}

// tabTo presses the tabulator until the focus is at an element that begins so, and
// sees to it that the focus can be seen on the way.
func (t *tab) tabTo(want string) {
	t.t.Helper()
	for range 60 {
		t.must(t.Keyboard.Type(input.Tab))
		visible, err := t.Eval(`() => { const s = getComputedStyle(document.activeElement); return document.activeElement === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 }`)
		t.must(err)
		if !visible.Value.Bool() {
			t.t.Errorf("the focus at %q cannot be seen", t.focused())
		}
		if strings.HasPrefix(t.focused(), want) {
			return
		}
	}
	t.t.Fatalf("the keyboard does not get to %q; it is at %q", want, t.focused())
}

// TestSignOffByKeyboard uses no mouse after signing in.
func TestSignOffByKeyboard(t *testing.T) {
	b := launch(t)
	w, p := incident(t)
	tab := b.open(wide)
	tab.signIn(w, "reviewer", "/")
	tab.tabTo("a  Update dependencies")
	wait := tab.MustWaitNavigation()
	tab.must(tab.Keyboard.Type(input.Enter))
	wait()
	tab.says("2 packages need a sign-off")

	tab.must(tab.Keyboard.Type(input.Tab))
	if got := tab.focused(); !strings.Contains(got, "Skip to content") {
		t.Errorf("the first stop is %q, want the way past the header", got)
	}
	tab.tabTo("input finding")
	tab.must(tab.Keyboard.Type(input.Space))
	tab.tabTo("summary  Where that shows")
	tab.must(tab.Keyboard.Type(input.Enter))
	tab.says("ureq")
	tab.tabTo("input which")
	tab.must(tab.Keyboard.Type(input.ArrowDown)) // to "all that waits"
	tab.tabTo("textarea reason")
	for _, r := range "read" {
		tab.must(tab.Keyboard.Type(input.Key(r)))
	}
	tab.tabTo("button")
	wait = tab.MustWaitNavigation()
	tab.must(tab.Keyboard.Type(input.Enter))
	wait()
	tab.says("Recorded and counted.")
	tab.says("2 packages signed off")
	wantCheck(t, w, p, "success")
}

// TestSideBySide: the two views are one document, and the choice needs no script.
func TestSideBySide(t *testing.T) {
	b := launch(t)
	w, p := incident(t)
	tab := b.open(wide)
	tab.signIn(w, "reader", w.Path(p))
	sides := func() (old, new float64) {
		t.Helper()
		result, err := tab.Eval(`() => { const c = [...document.querySelectorAll(".changed")].find(c => c.querySelector("del") && c.querySelector("ins")); return [c.querySelector("del").getBoundingClientRect().left, c.querySelector("ins").getBoundingClientRect().left] }`)
		tab.must(err)
		all := result.Value.Arr()
		return all[0].Num(), all[1].Num()
	}
	if old, new := sides(); old != new {
		t.Errorf("unified: one side at %v, the other at %v", old, new)
	}
	tab.click("#view-split")
	if old, new := sides(); new-old < 100 {
		t.Errorf("side by side: one side at %v, the other at %v", old, new)
	}
	tab.accessible()
	tab.picture("side-by-side")
	phone := b.open(narrow)
	phone.visit(w.URL + w.Path(p))
	if visible, err := phone.find("fieldset.views").Visible(); err != nil || visible {
		t.Errorf("a phone has room for two sides: %v, %v", visible, err)
	}
}

// TestDoubleClickCountsOnce: an impatient person records one sign-off.
func TestDoubleClickCountsOnce(t *testing.T) {
	b := launch(t)
	w, p := incident(t)
	tab := b.open(wide)
	tab.signIn(w, "reviewer", w.Path(p))
	tab.click("input[name=which][value=all]")
	tab.must(tab.find("#reason").Input("fine"))
	button := tab.find("#sign button")
	tab.must(button.Click("left", 2))
	tab.says("Recorded and counted.")
	wantCheck(t, w, p, "success")
	said, err := w.Store.RecentStatements(t.Context(), w.Repo.ID, 10)
	tab.must(err)
	if len(said) != 2 {
		t.Errorf("%d statements, want one for each finding", len(said))
	}
}

// TestPlainLoopback: the demo has no TLS, and browsers take loopback for as good.
func TestPlainLoopback(t *testing.T) {
	b := launch(t)
	w := pagestest.New(t, pagestest.Options{Plain: true})
	p := w.Open("Update dependencies", w.Incident())
	w.Settle()
	tab := b.open(wide)
	tab.signIn(w, "reviewer", w.Path(p))
	tab.says("3 packages need a sign-off")
}

// TestNastyNamesInABrowser: whatever is in titles, reasons and code, nothing runs and
// nothing is loaded.
func TestNastyNamesInABrowser(t *testing.T) {
	b := launch(t)
	const nasty = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"'>{{.}}`
	w := pagestest.New(t, pagestest.Options{Crates: "-- registry.toml --\n[crates.\"nasty@1.0.0\"]\npublished = 2024-01-01T00:00:00Z\npublisher = \"user:9 x\"\n" +
		"-- crates/nasty/1.0.0/Cargo.toml --\n[package]\nname = \"nasty\"\nversion = \"1.0.0\"\nbuild = \"build.rs\"\n-- crates/nasty/1.0.0/build.rs --\nfn main() { std::process::Command::new(\"sh\"); } // " + nasty + "\n/* \u202e */ \n"})
	p := w.Open(nasty, w.Lock("assembler@0.17.8", "nasty@1.0.0", "quiet@1.0.0", "tables@1.4.1"))
	w.Settle()
	tab := b.open(wide)
	tab.signIn(w, "reviewer", w.Path(p))
	tab.click("input[name=which][value=all]")
	tab.must(tab.find("#reason").Input(nasty))
	tab.click("#sign button")
	tab.says("Recorded and counted.")
	tab.picture("nasty")
	for _, path := range []string{w.Path(p), "/acme/app", "/"} {
		tab.visit(w.URL + path)
		result, err := tab.Eval(`() => [document.title, document.querySelectorAll("img, script, iframe, object, svg").length, document.body.innerText.includes("\u202e")]`)
		tab.must(err)
		all := result.Value.Arr()
		if strings.Contains(all[0].Str(), "owned") || all[1].Int() != 0 || all[2].Bool() {
			t.Errorf("%s: title %q, %d foreign elements, text turned round: %v", path, all[0].Str(), all[1].Int(), all[2].Bool())
		}
	}
}

// TestAFormFromElsewhere: another site cannot have a browser sign anything off.
func TestAFormFromElsewhere(t *testing.T) {
	b := launch(t)
	w, p := incident(t)
	address := w.URL + w.Path(p)
	// On another port of the same host, which is the same site to cookies.
	evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<title>x</title><form method="post" action=%q><input name="verdict" value="sign-off"><input name="which" value="all"><input name="reason" value="x"><button>win a prize</button></form>`, address)
	}))
	t.Cleanup(evil.Close)
	tab := b.open(wide)
	tab.signIn(w, "reviewer", w.Path(p))
	tab.expect("status of 40") // of the answer, and of an icon that the other site lacks
	tab.visit(evil.URL)
	tab.click("button")
	tab.says("Not accepted")
	wantCheck(t, w, p, "action_required")
	said, err := w.Store.RecentStatements(t.Context(), w.Repo.ID, 10)
	tab.must(err)
	if len(said) != 0 {
		t.Errorf("recorded %+v", said)
	}
}
