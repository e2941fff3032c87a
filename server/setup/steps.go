package setup

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/server"
)

// chosen is the repository whose pull requests are looked at.
type chosen struct {
	installation int64
	repo         github.Repo
	open         int // issues and pull requests
}

// Bounds on what the page lists.
const (
	mostInstallations = 5
	mostRepos         = 100
)

// stepsPage is what is left to do once the server runs.
type stepsPage struct {
	Form        string
	Made        *github.Made
	Files       []string
	Config      string
	Choice      Choice
	Listen      string
	Hook        string
	Heard       hearing
	At          string // when GitHub was here first
	Refused     bool
	Failed      string // what GitHub says
	Waiting     bool   // less than a minute
	Repos       []repoLine
	More        bool // there are more than are listed
	ReposFailed bool
	Chosen      string
	Looks       []lookLine
	LookFailed  bool
	Pending     bool // something is under way
	Pages       string
}

type repoLine struct {
	Value, Name string
	Checked     bool
}

type lookLine struct {
	server.Look
	GitHub string
}

const clock = "15:04:05 MST"

// steps shows it. With "wait" in the address it waits for something to happen before
// that.
func (g *Guide) steps(w http.ResponseWriter, r *http.Request, running *Running) {
	ctx := r.Context()
	wait := r.URL.Query().Has("wait")
	before := g.heard.now().N
	if wait && before == 0 {
		g.mu.Lock()
		g.provoke(running)
		g.mu.Unlock()
		g.heard.wait(ctx, g.cfg.Wait, 0)
		wait = false
	}
	repos, more, err := g.repos(ctx, running)
	if wait && err == nil && len(repos) == 0 {
		g.heard.wait(ctx, g.cfg.Wait, before)
		repos, more, err = g.repos(ctx, running)
		wait = false
	}
	g.mu.Lock()
	p := stepsPage{
		Form: g.form, Made: g.made, Files: g.files, Config: g.cfg.Path, Choice: g.choice, Listen: g.cfg.Listen,
		Hook: g.choice.PublicURL + "/webhook", Heard: g.heard.now(), Waiting: g.cfg.Now().Sub(g.began) < provokeFor, More: more, ReposFailed: err != nil,
		Pages: g.choice.PublicURL,
	}
	now := g.repo
	g.mu.Unlock()
	if err != nil {
		g.cfg.Log.Warn().Err(err).Msg("GitHub does not tell where the App is installed")
	}
	p.Refused = p.Heard.N == 0 && !p.Heard.Refused.IsZero()
	if p.Heard.N > 0 {
		p.At = p.Heard.First.UTC().Format(clock)
	} else if d := p.Heard.Failed; d != nil {
		p.Failed = fmt.Sprintf("%s (%s)", d.Status, d.At.UTC().Format(clock))
	}
	best := now
	for i := range repos {
		if now == nil && (best == nil || repos[i].open > best.open) {
			best = &repos[i]
		}
	}
	for _, c := range repos {
		p.Repos = append(p.Repos, repoLine{c.value(), c.repo.String(), c.value() == best.value()})
	}
	if now != nil {
		if wait {
			g.settle(ctx, running)
		}
		g.showLooks(ctx, &p, running, now)
	}
	g.show(w, http.StatusOK, "steps.tmpl", "Set up Lockkeeper", p)
}

func (g *Guide) showLooks(ctx context.Context, p *stepsPage, running *Running, now *chosen) {
	p.Chosen = now.repo.String()
	looks, err := running.Server.Looked(ctx, now.installation, now.repo)
	if err != nil {
		g.cfg.Log.Warn().Err(err).Msg("could not tell how pull requests stand")
		p.LookFailed = true
		return
	}
	for _, l := range looks {
		p.Pending = p.Pending || l.Verdict == ""
		p.Looks = append(p.Looks, lookLine{l, fmt.Sprintf("%s/%s/pull/%d", running.App.WebURL(), now.repo, l.Number)})
	}
}

func (c chosen) value() string { return fmt.Sprintf("%d/%d", c.installation, c.repo.ID) }

// repos are those in which the App is installed, by name.
func (g *Guide) repos(ctx context.Context, running *Running) (all []chosen, more bool, err error) {
	installations, err := running.App.Installations(ctx)
	if err != nil {
		return nil, false, err
	}
	more = len(installations) > mostInstallations
	for _, i := range installations[:min(len(installations), mostInstallations)] {
		if i.Suspended {
			continue
		}
		client, err := running.App.Installation(i.ID)
		if err != nil {
			return nil, false, err
		}
		repos, err := client.Active(ctx)
		if err != nil {
			return nil, false, err
		}
		for _, r := range repos {
			all = append(all, chosen{i.ID, r.Repo, r.Open})
		}
	}
	slices.SortFunc(all, func(a, b chosen) int {
		return cmp.Compare(strings.ToLower(a.repo.String()), strings.ToLower(b.repo.String()))
	})
	return all[:min(len(all), mostRepos)], more || len(all) > mostRepos, nil
}

// look has the open pull requests of a repository looked at.
func (g *Guide) look(w http.ResponseWriter, r *http.Request) {
	running := g.running.Load()
	if running == nil {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	repos, _, err := g.repos(r.Context(), running)
	if err != nil {
		g.door(w, http.StatusServiceUnavailable, "GitHub does not answer", "Go back and try again in a moment.")
		return
	}
	at := slices.IndexFunc(repos, func(c chosen) bool { return c.value() == r.PostForm.Get("repository") })
	if at < 0 {
		g.door(w, http.StatusNotFound, "Not installed there", "Go back, reload the page and choose a repository.")
		return
	}
	if err := running.Server.LookAt(r.Context(), repos[at].installation, repos[at].repo); err != nil {
		g.cfg.Log.Error().Err(err).Msg("could not look at a repository")
		g.door(w, http.StatusServiceUnavailable, "That did not work", "The server's log says why. Go back and try again in a moment.")
		return
	}
	g.repo = &repos[at]
	g.settle(r.Context(), running)
	http.Redirect(w, r, "/setup#first", http.StatusSeeOther)
}

// settle waits until the server has nothing to do, Config.Wait at the longest.
func (g *Guide) settle(ctx context.Context, running *Running) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Wait)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if idle, err := running.Server.Idle(ctx); err != nil || idle {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// finish ends it.
func (g *Guide) finish(w http.ResponseWriter, r *http.Request) {
	if g.running.Load() == nil {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	g.over.Store(true)
	g.session = ""
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", HttpOnly: true, MaxAge: -1})
	g.cfg.Log.Info().Msg("the set-up is done")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
