// Package browsertest looks at the pages as people do, in a browser. It needs
// Chromium and axe-core, which scripts/browser installs and names:
//
//	scripts/browser go test ./server/pages/browsertest
//
// Without them its tests are skipped, unless LOCKKEEPER_BROWSER_TESTS says that they
// must run. With LOCKKEEPER_SCREENSHOTS set to a directory, pictures are kept there.
package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/launcher"
	"github.com/go-rod/rod/lib/launcher/flags"
	"github.com/go-rod/rod/lib/proto"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// patience bounds every wait for the browser.
const patience = 30 * time.Second

// tools are what the tests need from outside.
func tools(t *testing.T) (chromium, axe string) {
	t.Helper()
	chromium, axePath := os.Getenv("LOCKKEEPER_CHROMIUM"), os.Getenv("LOCKKEEPER_AXE")
	if chromium == "" || axePath == "" {
		if os.Getenv("LOCKKEEPER_BROWSER_TESTS") != "" {
			t.Fatal("LOCKKEEPER_CHROMIUM and LOCKKEEPER_AXE are not set: run this by scripts/browser")
		}
		t.Skip("no browser: run this by scripts/browser")
	}
	source, err := os.ReadFile(axePath)
	if err != nil {
		t.Fatal(err)
	}
	return chromium, string(source)
}

// browser is one Chromium without anybody's cookies.
type browser struct {
	t   *testing.T
	rod *rod.Browser
	axe string
}

func launch(t *testing.T) *browser {
	t.Helper()
	bin, axe := tools(t)
	l := launcher.New().Bin(bin).Leakless(false).Headless(true).NoSandbox(true).
		Set("disable-gpu").Set("disable-quic").Set("no-first-run").Set("disable-background-networking").
		Set("disable-component-update").Set("disable-sync").Set("disable-dev-shm-usage").Set("hide-scrollbars").
		Set(flags.UserDataDir, t.TempDir())
	address, err := l.Launch()
	if err != nil {
		t.Fatal(err)
	}
	b := rod.New().ControlURL(address)
	if err := b.Connect(); err != nil {
		t.Fatal(err)
	}
	if err := b.IgnoreCertErrors(true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.Close() // may be gone already
		l.Kill()
		l.Cleanup()
	})
	return &browser{t: t, rod: b, axe: axe}
}

// tab is one page of the browser, with what its console said.
type tab struct {
	*rod.Page
	t   *testing.T
	axe string

	mu       sync.Mutex
	expected string   // guarded by mu; what the console may say
	troubles []string // guarded by mu
}

// expect has the console say something that is no mistake.
func (t *tab) expect(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected = text
}

// look is how a tab shows things.
type look struct {
	width, height int
	dark          bool
}

var wide, narrow, dark = look{width: 1280, height: 900}, look{width: 375, height: 800}, look{width: 1280, height: 900, dark: true}

func (b *browser) open(l look) *tab {
	b.t.Helper()
	page, err := b.rod.Page(proto.TargetCreateTarget{URL: "about:blank"})
	if err != nil {
		b.t.Fatal(err)
	}
	t := &tab{Page: page.Timeout(2 * time.Minute), t: b.t, axe: b.axe}
	t.must((proto.EmulationSetDeviceMetricsOverride{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600}).Call(page))
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	t.must((proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}).Call(page))
	t.must((proto.LogEnable{}).Call(page))
	t.must((proto.RuntimeEnable{}).Call(page))
	trouble := func(format string, args ...any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.troubles = append(t.troubles, fmt.Sprintf(format, args...))
	}
	wait := page.EachEvent(
		func(e *proto.LogEntryAdded) {
			if e.Entry.Level == proto.LogLogEntryLevelError || e.Entry.Level == proto.LogLogEntryLevelWarning {
				// GitHub's stand-in has an address without TLS, and its own tests.
				if strings.HasPrefix(e.Entry.URL, "https:") {
					trouble("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL)
				}
			}
		},
		func(e *proto.RuntimeConsoleAPICalled) { trouble("console.%s", e.Type) },
		func(e *proto.RuntimeExceptionThrown) { trouble("exception: %s", e.ExceptionDetails.Text) },
	)
	go wait()
	b.t.Cleanup(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, text := range t.troubles {
			if t.expected != "" && strings.Contains(text, t.expected) {
				continue
			}
			b.t.Errorf("the browser's console: %s", text)
		}
	})
	return t
}

func (t *tab) must(err error) {
	t.t.Helper()
	if err != nil {
		t.t.Fatal(err)
	}
}

func (t *tab) visit(address string) {
	t.t.Helper()
	t.must(t.Navigate(address))
	t.must(t.WaitLoad())
}

// find is the one element that matches.
func (t *tab) find(selector string) *rod.Element {
	t.t.Helper()
	e, err := t.Timeout(patience).Element(selector)
	if err != nil {
		t.t.Fatalf("there is no %s: %v\n%s", selector, err, t.text())
	}
	return e
}

func (t *tab) click(selector string) {
	t.t.Helper()
	t.must(t.find(selector).Click(proto.InputMouseButtonLeft, 1))
}

// text is what the page says.
func (t *tab) text() string {
	result, err := t.Eval(`() => document.body.innerText`)
	if err != nil {
		return err.Error()
	}
	return result.Value.Str()
}

// says waits until the page says something.
func (t *tab) says(want string) {
	t.t.Helper()
	deadline := time.Now().Add(patience)
	for !strings.Contains(t.text(), want) {
		if time.Now().After(deadline) {
			t.t.Fatalf("the page does not say %q:\n%s", want, t.text())
		}
		t.must(t.WaitLoad())
	}
}

// signIn goes through GitHub's page as login and comes back to path.
func (t *tab) signIn(w *pagestest.World, login, path string) {
	t.t.Helper()
	t.visit(w.URL + path)
	t.click("a.main")
	t.must(t.find("select[name=login]").Select([]string{login}, true, rod.SelectorTypeText))
	wait := t.WaitNavigation(proto.PageLifecycleEventNameLoad)
	t.click("button.primary")
	wait()
	t.find("header.bar form")
	if at := t.address(); at != w.URL+path {
		t.t.Fatalf("signed in and came to %s, want %s", at, path)
	}
}

func (t *tab) address() string {
	info, err := t.Info()
	t.must(err)
	return info.URL
}

// picture keeps what the page looks like, if somebody wants to see it.
func (t *tab) picture(name string) {
	t.t.Helper()
	dir := os.Getenv("LOCKKEEPER_SCREENSHOTS")
	if dir == "" {
		return
	}
	data, err := t.Screenshot(true, &proto.PageCaptureScreenshot{Format: proto.PageCaptureScreenshotFormatPng})
	t.must(err)
	t.must(os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644))
}

// violations are what axe finds wrong. It runs as the browser's own tools do, for the
// page's policy allows no script.
func (t *tab) violations() []string {
	t.t.Helper()
	_, err := (proto.RuntimeEvaluate{Expression: t.axe, AwaitPromise: true}).Call(t)
	t.must(err)
	result, err := t.Eval(`async () => {
		const found = await axe.run(document, {resultTypes: ["violations"]});
		return found.violations.map(v => v.id + " (" + v.impact + "): " + v.help + "\n  " + v.nodes.slice(0, 5).map(n => n.html + "\n    " + n.failureSummary).join("\n  "));
	}`)
	t.must(err)
	var all []string
	for _, violation := range result.Value.Arr() {
		all = append(all, violation.Str())
	}
	return all
}

// accessible fails for each violation, and if the page is wider than the screen.
func (t *tab) accessible() {
	t.t.Helper()
	for _, violation := range t.violations() {
		t.t.Errorf("%s: %s", t.address(), violation)
	}
	overflow, err := t.Eval(`() => document.documentElement.scrollWidth - document.documentElement.clientWidth`)
	t.must(err)
	if n := overflow.Value.Int(); n > 0 {
		t.t.Errorf("%s: the page is %d pixels wider than the screen", t.address(), n)
	}
}

// incident is a world with one pull request that waits.
func incident(t *testing.T) (*pagestest.World, *githubtest.Pull) {
	t.Helper()
	w := pagestest.New(t, pagestest.Options{Allow: allow})
	p := w.Open("Update dependencies", w.Incident())
	w.Settle()
	return w, p
}

const allow = `# What owners accepted.
[[allow]]
package       = "cargo/assembler"
versions      = "0.17"
may           = ["compile", "read-env"]
reason        = "assembles C and asm with cc"
signed-off-by = "second"
signed-off-in = "#3"

[[allow]]
package       = "cargo/assembler"
publishers    = ["user:52"]
reason        = "the author, known to us for years"
signed-off-by = "reviewer"
signed-off-in = "#3"
expires       = 2025-05-22

[[allow]]
package       = "cargo/left-behind"
may           = ["network"]
reason        = "downloads its test data"
signed-off-by = "second"
signed-off-in = "#1"

[[allow]]
package       = "cargo/tables"
any           = true
reason        = "our own crate"
signed-off-by = "second"
signed-off-in = "#2"

[[allow]]
package       = "cargo/quiet"
build-code    = "sha256:9f2c0000000000000000000000000000000000000000000000000000000000aa"
reason        = "looked at in full"
signed-off-by = "reviewer"
signed-off-in = "#5"
expires       = 2036-05-22
`
