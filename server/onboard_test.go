package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store"
)

// welcoming is a world whose server onboards repositories without waiting.
func welcoming(t *testing.T, rules string, mode policy.Mode) *world {
	t.Helper()
	return newWorldWith(t, rules, githubtest.Config{}, func(c *server.Config) {
		c.Onboarding = &server.Onboarding{Mode: mode, Pace: time.Nanosecond}
	})
}

// until waits for what happens behind jobs that are for later.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	deadline := time.After(30 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			log := w.log.String()
			w.t.Fatalf("%s did not happen\n%s", what, log[max(0, len(log)-4000):])
		}
	}
	w.settle()
}

func (w *world) onboarded() store.Repository {
	w.t.Helper()
	r, _, err := w.store.Repository(w.t.Context(), w.repo.ID)
	must(w.t, err)
	return r
}

const welcome = " lockkeeper/onboarding -> main: Watch lockfile changes with Lockkeeper"

// A repository without rules gets one pull request that proposes some; until it is
// merged nothing is held, and then everything is.
func TestOnboarding(t *testing.T) {
	w := welcoming(t, "", policy.Changes)
	w.until("onboarding", func() bool { return len(w.own()) > 0 })
	w.atRest()
	w.wantOwn("after the installation", "open"+welcome)
	p, info := w.rolling()
	rules, _ := w.repo.File("lockkeeper/onboarding", policy.Path)
	list := w.list("lockkeeper/onboarding")
	parsed, err := allowlist.Parse(allowlist.Path, []byte(list), nil)
	if rules != policy.Template || err != nil || len(parsed.Entries) != 0 || list != allowlist.Template {
		t.Errorf("proposed:\n%s\n%s%v", rules, list, err)
	}
	if !strings.Contains(info.Body, "- `Cargo.lock`") || !strings.Contains(info.Body, "`"+mainCheck+"`") {
		t.Errorf("text:\n%s", info.Body)
	}
	w.want(p, "neutral", "on the onboarding pull request itself")
	change := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0")})
	w.want(change, "neutral", "before it is merged")
	w.merge(p)
	w.want(change, "action_required", "after it is merged")
	w.atRest()
	w.wantOwn("in the end", "merged"+welcome)
}

// Closing it means no, whatever is delivered, and even if the database is lost.
func TestOnboardingDeclined(t *testing.T) {
	w := welcoming(t, "", policy.Changes)
	w.until("onboarding", func() bool { return len(w.own()) > 0 })
	p, _ := w.rolling()
	p.Close("owner")
	w.settle()
	if offer, found, err := w.store.Offer(t.Context(), w.repo.ID, store.OnboardingOffer, "main"); err != nil || !found || offer.State != store.OfferDeclined {
		t.Errorf("remembered: %+v, %t, %v", offer, found, err)
	}
	w.repo.Uninstall()
	w.settle()
	if _, found, _ := w.store.Repository(t.Context(), w.repo.ID); found {
		t.Error("the uninstalled repository is known yet")
	}
	w.github.AddRepo("owner", "other", githubtest.RepoOptions{})
	w.atRest()
	w.wantOwn("after it was closed", "closed"+welcome)
	change := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0")})
	_ = change
	w.atRest()
	w.wantOwn("after another pull request", "closed"+welcome)
}

func TestOnboardingIsDoneOnce(t *testing.T) {
	w := welcoming(t, "", policy.Changes)
	w.until("onboarding", func() bool { return len(w.own()) > 0 })
	w.atRest()
	for _, d := range w.github.Deliveries() {
		if d.Event == "installation" {
			w.github.Replay(d.ID)
			w.github.Replay(d.ID)
		}
	}
	w.github.AddRepo("owner", "another", githubtest.RepoOptions{}) // tells of the installation, too
	w.atRest()
	w.wantOwn("after deliveries came again", "open"+welcome)

	// A store that was lost.
	must(t, w.store.SetOnboarded(t.Context(), w.repo.ID, false))
	p, _ := w.rolling()
	p.Close("owner")
	w.settle()
	must(t, w.store.SetOnboarded(t.Context(), w.repo.ID, false))
	w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0")})
	w.atRest()
	w.wantOwn("after the store was lost", "closed"+welcome)
	if !w.onboarded().Onboarded {
		t.Error("it is not remembered again")
	}
}

// Nothing is opened where there is nothing to watch or nobody to watch for.
func TestOnboardingLeavesAlone(t *testing.T) {
	w := welcoming(t, somePolicy, policy.Changes)
	lockfile := map[string]string{"Cargo.lock": "version = 4\n"}
	repos := map[string]*githubtest.Repo{
		"archived": w.github.AddRepo("owner", "archived", githubtest.RepoOptions{Archived: true, Files: lockfile}),
		"empty":    w.github.AddRepo("owner", "empty", githubtest.RepoOptions{}),
		"prose":    w.github.AddRepo("owner", "prose", githubtest.RepoOptions{Files: map[string]string{"README.md": "x\n"}}),
		"rules":    w.repo,
		"fork":     w.github.AddRepo("owner", "upstream", githubtest.RepoOptions{NotInstalled: true, Files: lockfile}).AddFork("second"),
	}
	repos["fork"].Install()
	w.atRest()
	for name, repo := range repos {
		if pulls := repo.Pulls(); len(pulls) > 0 {
			t.Errorf("%s: %+v", name, pulls)
		}
	}
	// A lockfile that comes later brings it back.
	prose := repos["prose"]
	prose.Branch("topic", "main")
	prose.Commit("topic", githubtest.CommitSpec{Message: "Lock", Files: map[string]string{"Cargo.lock": w.lock("quiet@1.0.0")}})
	p := prose.OpenPull("author", "topic", "main", "Lock", "")
	w.atRest()
	if len(prose.Pulls()) != 1 {
		t.Errorf("before there is a lockfile on main: %+v", prose.Pulls())
	}
	if _, err := p.Merge("owner"); err != nil {
		t.Fatal(err)
	}
	prose.Branch("next", "main")
	prose.Commit("next", githubtest.CommitSpec{Message: "Update", Files: map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")}})
	prose.OpenPull("author", "next", "main", "Update", "")
	w.atRest()
	if pulls := prose.Pulls(); len(pulls) != 3 || pulls[2].Title != "Watch lockfile changes with Lockkeeper" {
		t.Errorf("after a lockfile came: %+v", pulls)
	}
}

// With mode "all" the allowlist holds what is in use, grave code by its digest.
func TestOnboardingSeeds(t *testing.T) {
	w := welcoming(t, somePolicy, policy.All)
	repo := w.github.AddRepo("owner", "seeded", githubtest.RepoOptions{Files: map[string]string{
		"Cargo.lock": w.lock("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0"), "tools/Cargo.lock": w.lock("builder@1.0.0"), "broken/Cargo.lock": "<<<<<<<\n",
	}})
	w.until("onboarding", func() bool { return len(repo.Pulls()) > 0 })
	rules, _ := repo.File("lockkeeper/onboarding", policy.Path)
	p, err := policy.Parse(policy.Path, []byte(rules))
	if err != nil || !p.All() {
		t.Errorf("the policy: %v\n%s", err, rules)
	}
	list, _ := repo.File("lockkeeper/onboarding", allowlist.Path)
	parsed, err := allowlist.Parse(allowlist.Path, []byte(list), nil)
	if err != nil || len(parsed.Entries) != 2 || parsed.Entries[0].Package != "cargo/builder" || parsed.Entries[0].May == nil ||
		parsed.Entries[1].Package != "cargo/grabber" || parsed.Entries[1].BuildCode == "" || parsed.Entries[1].Versions != "=2.0.0" {
		t.Errorf("seeded: %v\n%s", err, list)
	}
	body := repo.Pulls()[0].Body
	for _, part := range []string{"lists 2 packages", "`cargo/grabber =2.0.0`", "broken/Cargo.lock"} {
		if !strings.Contains(body, part) {
			t.Errorf("the text lacks %q:\n%s", part, body)
		}
	}
	// Merged, the ratchet holds from the next change on.
	if _, err := repo.Pull(1).Merge("owner"); err != nil {
		t.Fatal(err)
	}
	repo.Branch("topic", "main")
	repo.Commit("topic", githubtest.CommitSpec{Message: "Update", Files: map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.1")}})
	change := repo.OpenPull("author", "topic", "main", "Update", "")
	w.settle()
	var conclusion string
	for _, run := range repo.CheckRuns(change.Head()) {
		conclusion = run.Conclusion
	}
	if conclusion != "success" {
		t.Errorf("a change of what is listed: %q\n%s", conclusion, w.log)
	}
}

// An installation on many repositories goes through them slowly.
func TestOnboardingIsSpread(t *testing.T) {
	w := newWorldWith(t, somePolicy, githubtest.Config{}, func(c *server.Config) { c.Onboarding = &server.Onboarding{Pace: time.Hour} })
	w.until("the look at the first one", func() bool { return w.onboarded().Onboarded })
	const repos = 40
	var all []*githubtest.Repo
	for i := range repos {
		all = append(all, w.github.AddRepo("owner", fmt.Sprint("repo", i), githubtest.RepoOptions{Files: map[string]string{"Cargo.lock": w.lock("quiet@1.0.0")}}))
	}
	opened := func() (n int) {
		for _, r := range all {
			n += len(r.Pulls())
		}
		return n
	}
	w.until("the first", func() bool { return opened() > 0 })
	var waiting, moments int
	must(t, w.store.DB().QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(DISTINCT substr(scheduled_at, 1, 13)) FROM river_job WHERE kind = 'later' AND state = 'scheduled'`).Scan(&waiting, &moments))
	if opened() > 3 || waiting < repos-4 || moments < repos-8 {
		t.Errorf("%d of %d are opened at once; %d wait, for %d hours", opened(), repos, waiting, moments)
	}
}

// atRest waits until no job is left, those for later included.
func (w *world) atRest() {
	w.t.Helper()
	w.settle()
	w.until("rest", func() bool {
		var left int
		must(w.t, w.store.DB().QueryRowContext(w.t.Context(), `SELECT COUNT(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')`).Scan(&left))
		return left == 0
	})
}

// Whatever GitHub fails at there is one branch and one pull request in the end.
func TestOnboardingSurvivesFaults(t *testing.T) {
	for _, call := range []struct{ method, path string }{
		{http.MethodPost, "/repos/*/*/git/trees"}, {http.MethodPost, "/repos/*/*/git/commits"}, {http.MethodPost, "/repos/*/*/git/refs"},
		{http.MethodPost, "/repos/*/*/pulls"}, {http.MethodGet, "/installation/repositories"}, {http.MethodGet, "/repos/*/*/pulls"},
	} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %s after %t", call.method, call.path, after), func(t *testing.T) {
				t.Parallel()
				w := welcoming(t, somePolicy, policy.Changes)
				w.atRest()
				w.github.AddFault(githubtest.Fault{Method: call.method, Path: call.path, Times: 7, After: after, Status: http.StatusBadGateway})
				w.repo = w.github.AddRepo("owner", "late", githubtest.RepoOptions{Files: map[string]string{"Cargo.lock": w.lock("quiet@1.0.0")}})
				w.until("onboarding", func() bool { return len(w.own()) > 0 })
				w.atRest()
				w.wantOwn("after the faults", "open"+welcome)
			})
		}
	}
}

func TestOnboardingWithoutTheRightToWrite(t *testing.T) {
	granted := map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write", "issues": "write", "checks": "write"}
	w := newWorldWith(t, "", githubtest.Config{Permissions: granted}, func(c *server.Config) { c.Onboarding = &server.Onboarding{Pace: time.Nanosecond} })
	w.atRest()
	w.wantOwn("without the right")
	if !strings.Contains(w.log.String(), "repositories get no pull request that says how to start") || w.onboarded().Onboarded {
		t.Errorf("it is not said, or taken to be done\n%s", w.log)
	}
}
