package server_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server"
)

// TestPromise10LeastPermissions: each feature works with what docs/operating.md says it
// takes, and without that the others do.
func TestPromise10LeastPermissions(t *testing.T) {
	least := map[string]string{"metadata": "read", "contents": "read", "pull_requests": "read", "checks": "write"}
	with := func(more map[string]string) githubtest.Config {
		all := maps.Clone(least)
		maps.Copy(all, more)
		return githubtest.Config{Permissions: all}
	}
	const policy = "[reviewers]\nusers = ['reviewer']\n"
	nothing := func(*server.Config) {}
	t.Run("checks, and a sign-off by a review", func(t *testing.T) {
		w := newWorldWith(t, policy, with(nil), nothing)
		p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "builder@1.0.0")})
		run := w.want(p, "action_required", "with the least")
		if len(run.Annotations) == 0 || len(p.Comments()) != 0 {
			t.Errorf("%d annotations and %d comments, want some and none", len(run.Annotations), len(p.Comments()))
		}
		p.Push(githubtest.CommitSpec{Message: "List", Author: "author", Files: map[string]string{
			".lockkeeper/allow.toml": "[[allow]]\npackage = 'cargo/builder'\nmay = ['compile']\nreason = 'read it'\n"}})
		p.Review("reviewer", "APPROVED", p.Head(), "")
		w.want(p, "success", "after the approval")
		if !strings.Contains(w.log.String(), "could not write the comment") {
			t.Error("the log does not say what is left undone")
		}
	})
	for name, more := range map[string]map[string]string{"Issues": {"issues": "write"}, "Pull requests": {"pull_requests": "write"}} {
		t.Run("comments with "+name, func(t *testing.T) {
			w := newWorldWith(t, policy, with(more), nothing)
			p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
			w.want(p, "action_required", "before the sign-off")
			comment := p.Comment("reviewer", yes)
			w.want(p, "success", "after the sign-off")
			if w.comment(p) == "" || len(comment.Reactions()) != 1 {
				t.Errorf("comment %q, reactions %v; want both", w.comment(p), comment.Reactions())
			}
		})
	}
	t.Run("teams", func(t *testing.T) {
		const policy = "[reviewers]\nteams = ['security']\n"
		for _, members := range []bool{true, false} {
			more := map[string]string{"issues": "write"}
			if members {
				more["members"] = "read"
			}
			w := newWorldWith(t, policy, with(more), nothing)
			w.github.AddOrg("acme", "author")
			w.github.AddTeam("acme", "security", "", "reviewer")
			repo := w.github.AddRepo("acme", "tool", githubtest.RepoOptions{Files: map[string]string{"Cargo.lock": w.lock("quiet@1.0.0"), ".lockkeeper/policy.toml": policy}})
			repo.SetPermission("author", "write")
			w.repo = repo
			p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "builder@1.0.0")})
			w.want(p, "action_required", "before the sign-off")
			p.Comment("reviewer", yes)
			if members {
				w.want(p, "success", "after the sign-off of a member of the team")
				continue
			}
			// Whether they may is not known, and so nothing passes.
			if run := w.want(p, "failure", "without Members"); !strings.Contains(run.Title, "GitHub refuses") {
				t.Errorf("the check does not say why: %s\n%s", run.Title, run.Summary)
			}
		}
	})
}
