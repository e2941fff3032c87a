package report

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
)

// last is the decision in a sentence, and what to do next.
func (t *textWriter) last(r *Report) {
	d := r.Decision
	t.printf("\n")
	switch {
	case d.Count(policy.Blocked) > 0:
		t.folded("", r.Title()+". Nobody can sign that off; restore the lockfile, or change the rule in "+policy.Path+" on the base branch.")
	case d.Count(policy.Rejected, policy.Open) > 0:
		line := r.Title() + "."
		if d.Reviewers != "" && r.Onboarded {
			line += " Reviewers: " + d.Reviewers + "."
		}
		t.folded("", line)
		if !r.Onboarded {
			t.folded("", "The base has no .lockkeeper directory, so nothing is held. To start: lockkeeper init")
		}
	case r.Next != "":
		t.folded("", r.Next)
	default:
		t.printf("%s.\n", r.Title())
	}
	if n := r.Scan.NotCompared; n > 0 {
		t.folded(Faint, count(n, "package", "packages")+" with new build code not compared with its repository: that takes a token in GITHUB_TOKEN.")
	}
	t.steps(r)
}

// steps are the commands to go on with, as far as the report knows its own.
func (t *textWriter) steps(r *Report) {
	if r.Command == "" {
		return
	}
	var lines [][2]string
	held := r.groups(policy.Blocked, policy.Rejected, policy.Open)
	if !t.o.BuildCode && slices.ContainsFunc(r.Decision.Outcomes, func(o policy.Outcome) bool { return o.Finding.Code != nil && o.Finding.Code.Diff != "" }) {
		lines = append(lines, [2]string{"See the code that would run:", r.Command + " --show build-code"})
	}
	if len(held) > 0 {
		lines = append(lines, [2]string{"What that means:", "lockkeeper explain " + string(held[0].outcomes[0].Finding.Rule)})
	}
	if open := r.asked(); len(open) > 0 && open[0].pkg.Name != "" && r.Accept != "" {
		lines = append(lines, [2]string{"Accept it:", r.Accept + " " + visible(open[0].pkg.Name, false) + ` --reason "..."`})
	}
	for _, l := range lines {
		if 2+29+1+columnsOf(l[1]) > t.o.Width {
			t.printf("  %s\n      %s\n", l[0], l[1])
			continue
		}
		t.printf("  %-29s %s\n", l[0], l[1])
	}
}
