package browsertest

import (
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"

	"github.com/lockkeeper/lockkeeper/cmd/lockkeeper/setuptest"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// fill types into a field that is empty or not.
func (t *tab) fill(selector, text string) {
	t.t.Helper()
	e := t.find(selector)
	t.must(e.SelectAllText())
	t.must(e.Input(text))
}

// follow clicks and waits for the page that comes.
func (t *tab) follow(selector string) {
	t.t.Helper()
	wait := t.WaitNavigation(proto.PageLifecycleEventNameLoad)
	t.click(selector)
	wait()
}

// TestSetUpByMouse: somebody who has nothing gets to a pull request that is held, in each
// look, and each page on the way is accessible.
func TestSetUpByMouse(t *testing.T) {
	tools(t)
	binary := setuptest.Build(t)
	for name, l := range map[string]look{"light": wide, "dark": dark, "narrow": narrow} {
		t.Run(name, func(t *testing.T) {
			w := setuptest.New(t, binary, githubtest.Config{})
			w.OpenPull("before")
			s := w.Serve()
			tab := launch(t).open(l)
			shot := func(step string) {
				t.Helper()
				tab.accessible()
				tab.picture("setup-" + step + "-" + name)
			}
			tab.visit("http://" + s.Address + "/setup")
			shot("0-closed")
			tab.visit(s.Link)
			tab.says("Set up Lockkeeper")
			shot("1-form")
			tab.fill("#public-url", "https://localhost/here")
			tab.fill("#organisation", "no such thing")
			tab.follow("button.main")
			tab.says("have to be put right")
			shot("2-problems")
			tab.fill("#public-url", "http://"+s.Address)
			tab.fill("#organisation", "acme")
			tab.click("summary")
			tab.fill("#github", w.GitHub.URL())
			tab.click("#trial")
			tab.follow("button.main")
			tab.says("It is told of")
			shot("3-plan")
			tab.follow("button.main")
			tab.says("Create GitHub App for acme")
			tab.follow("button.primary")
			tab.says("GitHub reached this server at")
			shot("4-created")
			tab.follow("a.main")
			tab.click("input[value='acme/.github']")
			tab.click("input[value='acme/app']")
			tab.follow("button.primary")
			tab.says("It is installed in 2 repositories")
			shot("5-installed")
			tab.must(tab.find("fieldset.repos .choice:nth-of-type(2) label").Click(proto.InputMouseButtonLeft, 1))
			tab.follow("button.main")
			tab.says("1 package needs a sign-off")
			shot("6-looked")
			tab.follow("section.next button")
			tab.says("Sign in")
		})
	}
}

// TestSetUpByKeyboard uses no mouse on Lockkeeper's pages.
func TestSetUpByKeyboard(t *testing.T) {
	tools(t)
	w := setuptest.New(t, setuptest.Build(t), githubtest.Config{})
	s := w.Serve()
	tab := launch(t).open(wide)
	enter := func() {
		t.Helper()
		wait := tab.WaitNavigation(proto.PageLifecycleEventNameLoad)
		tab.must(tab.Keyboard.Type(input.Enter))
		wait()
	}
	write := func(text string) {
		t.Helper()
		tab.must(tab.InsertText(text))
	}
	tab.visit(s.Link)
	tab.tabTo("input public-url")
	write("http://" + s.Address)
	tab.tabTo("summary")
	tab.must(tab.Keyboard.Type(input.Space))
	tab.tabTo("input github")
	write(w.GitHub.URL())
	tab.tabTo("input trial")
	tab.must(tab.Keyboard.Type(input.Space))
	enter() // sends the form
	tab.says("Create the GitHub App")
	tab.tabTo("button  Create the GitHub App")
	enter()
	tab.must(tab.find("select[name=login]").Select([]string{"alice"}, true, rod.SelectorTypeText))
	tab.follow("button.primary")
	tab.says("GitHub reached this server at")
	tab.tabTo("a  Install it on repositories")
	enter()
	tab.says("There is no repository") // alice has none
}

// TestSetUpIsForOneBrowser: another one, with or without the address, sees a closed door.
func TestSetUpIsForOneBrowser(t *testing.T) {
	tools(t)
	w := setuptest.New(t, setuptest.Build(t), githubtest.Config{})
	s := w.Serve()
	b := launch(t)
	first := b.open(wide)
	first.visit(s.Link)
	first.says("Set up Lockkeeper")
	second := (&browser{t, b.rod.MustIncognito(), b.axe}).open(wide)
	second.visit(s.Link)
	second.says("works once")
	second.accessible()
	second.visit("http://" + s.Address + "/setup")
	second.says("Open the address that the server printed")
	first.visit(s.Link)
	first.says("Set up Lockkeeper")
}
