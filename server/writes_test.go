package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// TestWritesOfAScan: a check run takes one write, also with more findings than GitHub
// takes annotations at once, and the comment one, if what it says changed. Two are
// needed where a scan takes so long that people should see that it is under way.
func TestWritesOfAScan(t *testing.T) {
	w := newWorld(t, somePolicy)
	const many = 70
	var text strings.Builder
	text.WriteString("-- registry.toml --\n")
	for i := range many {
		fmt.Fprintf(&text, "[crates.\"many-%d@1.0.0\"]\npublished = 2020-01-01T00:00:00Z\npublisher = \"user:1 keeper\"\n", i)
	}
	packages := []string{"quiet@1.0.0"}
	for i := range many {
		fmt.Fprintf(&text, "-- crates/many-%d/1.0.0/Cargo.toml --\n[package]\nname = \"many-%d\"\nversion = \"1.0.0\"\nbuild = \"build.rs\"\n-- crates/many-%[1]d/1.0.0/build.rs --\nfn main() { std::process::Command::new(\"perl\"); }\n", i, i)
		packages = append(packages, fmt.Sprintf("many-%d@1.0.0", i))
	}
	must(t, w.registry.LoadText([]byte(text.String())))

	writes := func(when string, want ...string) {
		t.Helper()
		w.settle()
		var got []string
		for _, r := range w.github.Requests() {
			if r.Method != "GET" && !strings.HasPrefix(r.Path, "/app/") {
				got = append(got, r.Method+" "+strings.TrimRight(strings.TrimPrefix(r.Path, "/repos/owner/app/"), "0123456789/"))
			}
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
		w.github.ResetRequests()
	}
	w.github.ResetRequests()
	p := w.open(map[string]string{"Cargo.lock": w.lock(packages...)})
	writes("a new pull request", "POST check-runs", "POST issues/1/comments")
	run := w.check(p.Head(), mainCheck)
	if len(run.Annotations) != 50 || run.Title != "70 packages need a sign-off" || !strings.Contains(run.Summary, "20 further findings are not marked") {
		t.Errorf("%d annotations, %q:\n%s", len(run.Annotations), run.Title, run.Summary)
	}
	p.Review("outsider", "COMMENTED", "", "hm")
	writes("nothing new", "PATCH check-runs")
	p.Push(githubtest.CommitSpec{Message: "Unrelated", Author: "author", Files: map[string]string{"README.md": "x\n"}})
	writes("a push that changes nothing", "POST check-runs")
	c := p.Comment("reviewer", yes)
	writes("a sign-off", "PATCH check-runs", "PATCH issues/comments", fmt.Sprintf("POST issues/comments/%d/reactions", c.ID))
	w.want(p, "success", "after the sign-off")
}
