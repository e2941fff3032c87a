package setup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/server/pages"
)

// formPage is the first page.
type formPage struct {
	Form     string
	Listen   string
	Path     string
	Choice   Choice
	Features []featureLine
	Problems map[string]string // by field
	Wrong    []Problem         // in the order of the form
	Enterprise,
	Trial bool // opened, since something is in there
}

type featureLine struct {
	github.Feature
	Grants  string
	Checked bool
}

func (g *Guide) showForm(w http.ResponseWriter, status int, problems []Problem) {
	p := formPage{Form: g.form, Listen: g.cfg.Listen, Path: g.cfg.Path, Choice: g.choice, Problems: map[string]string{}}
	for _, problem := range problems {
		first, size := utf8.DecodeRuneInString(problem.Text)
		problem.Text = string(unicode.ToUpper(first)) + problem.Text[size:]
		p.Wrong = append(p.Wrong, problem)
		p.Problems[problem.Field] = cmp.Or(p.Problems[problem.Field], problem.Text)
	}
	p.Enterprise = g.choice.GitHub != "" || g.choice.CAFile != "" || g.choice.Trial || p.Problems["github"] != ""
	for _, f := range github.Features() {
		line := featureLine{Feature: f, Checked: g.choice.Wants(f.Key)}
		for _, grant := range f.Permissions {
			line.Grants += grant.Name + ": " + grant.Level
		}
		p.Features = append(p.Features, line)
	}
	title := "Set up Lockkeeper"
	if len(problems) > 0 {
		title = "To be put right · " + title
	}
	g.show(w, status, "form.tmpl", title, p)
}

// plan takes the form.
func (g *Guide) plan(w http.ResponseWriter, r *http.Request) {
	if g.stage > planned {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	g.choice = Choice{
		PublicURL: r.PostForm.Get("public-url"), Organisation: r.PostForm.Get("organisation"), Contact: r.PostForm.Get("contact"),
		Features: r.PostForm["feature"], GitHub: r.PostForm.Get("github"), CAFile: r.PostForm.Get("ca-file"), Trial: r.PostForm.Has("trial"),
	}
	problems := g.choice.Check()
	if len(problems) == 0 {
		problems = g.ask(r.Context())
	}
	if len(problems) > 0 {
		g.stage = asking
		g.showForm(w, http.StatusUnprocessableEntity, problems)
		return
	}
	g.stage, g.state, g.origin = planned, NewToken(), g.originOf(r)
	http.Redirect(w, r, "/setup", http.StatusSeeOther)
}

// ask sees whether GitHub can be reached from here, and knows the organisation: after
// the App was made it would be late for that.
func (g *Guide) ask(ctx context.Context) []Problem {
	maker, err := g.cfg.Maker(g.choice)
	if err != nil {
		return []Problem{{"github", err.Error()}}
	}
	organisation, err := maker.IsOrganisation(ctx, cmp.Or(g.choice.Organisation, "ghost"))
	var status *github.StatusError
	var limited *github.RateLimited
	switch {
	case g.choice.Organisation != "" && errors.Is(err, github.ErrNotFound):
		return []Problem{{"organisation", "GitHub knows no organisation of that name"}}
	case g.choice.Organisation != "" && err == nil && !organisation:
		return []Problem{{"organisation", "that is a person's account; leave this empty to make the App for your own account"}}
	case err == nil, errors.As(err, &limited), errors.As(err, &status) && status.Status < 500:
		return nil // it answers
	}
	return []Problem{{"github", fmt.Sprintf("GitHub cannot be reached from this server (%v); see whether it needs a proxy (HTTPS_PROXY), or certificates of your own", err)}}
}

// planPage shows the App before it is made.
type planPage struct {
	Manifest            string
	Action, GitHub      string
	Name, Owner         string
	Hook                string
	Permissions, Events []github.Grant
	// NoQueue: the merge queue was chosen, which this GitHub does not have.
	NoQueue bool
}

func (g *Guide) showPlan(w http.ResponseWriter) {
	maker, err := g.cfg.Maker(g.choice)
	if err != nil {
		g.stage = asking
		g.showForm(w, http.StatusUnprocessableEntity, []Problem{{"github", err.Error()}})
		return
	}
	arrive := ""
	if g.origin == g.choice.PublicURL {
		arrive = g.choice.PublicURL + "/"
	}
	plan := g.choice.Plan(g.origin+CreatedPath, arrive)
	manifest := plan.Manifest()
	text, err := json.Marshal(manifest)
	if err != nil {
		g.cfg.Log.Error().Err(err).Msg("could not write the manifest")
		http.Error(w, "the server's log says why this did not work", http.StatusInternalServerError)
		return
	}
	p := planPage{
		Manifest: string(text), Action: plan.NewAppURL(maker.WebURL(), g.state), GitHub: maker.WebURL(),
		Name: manifest.Name, Owner: g.choice.Organisation, Hook: manifest.HookAttributes.URL,
		NoQueue: g.choice.Wants(github.FeatureMergeQueue) && !slices.Contains(manifest.Events, "merge_group"),
	}
	p.Permissions, p.Events = plan.Grants()
	w.Header().Set("Content-Security-Policy", pages.Policy(maker.WebURL()))
	g.show(w, http.StatusOK, "plan.tmpl", "Create the GitHub App", p)
}

// created is where GitHub leads back to.
func (g *Guide) created(w http.ResponseWriter, r *http.Request) {
	if !g.owns(r) {
		g.locked(w)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	q := r.URL.Query()
	if g.stage != planned || g.state == "" || !same(q.Get("state"), g.state) {
		g.cfg.Log.Warn().Msg("an answer of GitHub's does not belong to this set-up")
		g.door(w, http.StatusForbidden, "Not accepted", "This answer of GitHub's does not belong to what was begun here, or was used already. Nothing was changed. Go back to the set-up page.")
		return
	}
	// Once: whatever comes of it, this answer does not count again.
	g.stage, g.state, g.code, g.began = returned, "", q.Get("code"), g.cfg.Now()
	g.advance(r.Context())
	http.Redirect(w, r, "/setup", http.StatusSeeOther)
}

// again goes on where it stood, after a failure.
func (g *Guide) again(w http.ResponseWriter, r *http.Request) {
	switch {
	case g.stage == returned && errors.Is(g.stuck, github.ErrCode): // from the beginning
		g.stage, g.code, g.stuck = asking, "", nil
	case g.stage >= returned && g.stage < serving:
		g.advance(r.Context())
	}
	http.Redirect(w, r, "/setup", http.StatusSeeOther)
}

// advance goes as far as it gets: to the App's secrets, to files, to a server that
// runs. What went well is not done again.
func (g *Guide) advance(ctx context.Context) {
	g.stuck = nil
	for g.stage < serving && g.stuck == nil {
		switch g.stage {
		case returned:
			g.stuck = g.exchange(ctx)
		case known:
			if g.files, g.stuck = g.cfg.Write(g.choice, g.made); g.stuck == nil {
				g.stage = kept
				g.cfg.Log.Info().Strs("files", g.files).Msg("wrote the configuration")
				// They are in the files, and needed here no more.
				g.made.PrivateKey, g.made.WebhookSecret, g.made.ClientSecret = "", "", ""
			}
		case kept:
			var running *Running
			if running, g.stuck = g.cfg.Start(); g.stuck == nil {
				g.stage = serving
				g.ends.Store(g.cfg.Now().Add(openFor).UnixNano())
				g.running.Store(running)
				g.provoke(running)
			}
		}
	}
	if g.stuck != nil {
		g.cfg.Log.Error().Err(g.stuck).Msg("the set-up is stuck; its page says how to go on")
		return
	}
	g.heard.wait(ctx, g.cfg.Wait/2, 0)
}

func (g *Guide) exchange(ctx context.Context) error {
	maker, err := g.cfg.Maker(g.choice)
	if err != nil {
		return err
	}
	// GitHub gives the secrets once: that the browser went away must not lose them.
	made, err := maker.Convert(context.WithoutCancel(ctx), g.code)
	if err != nil {
		return err
	}
	g.stage, g.code, g.made = known, "", made
	g.cfg.Log.Info().Int64("app", made.ID).Str("slug", made.Slug).Msg("GitHub made the App")
	return nil
}

// stuckPage says where it stands, why, and how to go on.
type stuckPage struct {
	Form    string
	Title   string
	Why     string
	Lost    bool // the code is worth nothing: begin again
	Apps    string
	Files   []string
	Serving bool
}

func (g *Guide) showStuck(w http.ResponseWriter) {
	p := stuckPage{Form: g.form, Why: g.stuck.Error(), Files: g.files}
	switch g.stage {
	case returned:
		p.Title, p.Lost = "GitHub did not hand out the App", errors.Is(g.stuck, github.ErrCode)
		if maker, err := g.cfg.Maker(g.choice); err == nil {
			p.Apps = maker.WebURL() + "/settings/apps"
			if g.choice.Organisation != "" {
				p.Apps = maker.WebURL() + "/organizations/" + g.choice.Organisation + "/settings/apps"
			}
		}
	case known:
		p.Title = "The App was created, and its secrets could not be kept"
	default:
		p.Title, p.Serving = "The configuration is written, and the server does not start", true
	}
	g.show(w, http.StatusOK, "stuck.tmpl", p.Title, p)
}
