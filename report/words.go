package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Opening says in one or two paragraphs what is needed and from whom. code marks
// up a name or a path, text makes other foreign text inert; both return markup of
// the renderer's own form. The sentences themselves hold no character that means
// something in Markdown or HTML.
func (r *Report) Opening(code, text func(string) string) []string {
	d := r.Decision
	switch {
	case !r.Onboarded && d.Count(policy.Blocked, policy.Open, policy.Rejected) > 0:
		return []string{"This pull request changes code that runs while the project is built or installed. Nothing is held, because the base branch has no " +
			code(".lockkeeper") + " directory yet: add " + code(policy.Path) + " (it may be empty) to make this check count."}
	case d.Count(policy.Blocked) > 0:
		return []string{"What the lockfile pins is not what the registry has, or a rule of this repository forbids it. Nobody can sign this off: restore the lockfile, or change the rule in " +
			code(policy.Path) + " on the base branch."}
	case d.Count(policy.Rejected) > 0:
		return []string{"A reviewer said no to " + namesOf(r.groups(policy.Rejected), code) + ". The pull request is held until they, or an administrator, withdraw that."}
	case d.Count(policy.Open) > 0:
		return []string{
			"This pull request brings in code that runs while the project is built or installed, or code from a new publisher. A reviewer must look at " +
				namesOf(r.asked(), code) + " and sign off before it can be merged.",
			"Reviewers: " + text(d.Reviewers) + ". Not those who wrote the change.",
		}
	case d.Count(policy.Signed) > 0:
		return []string{"Reviewers signed off on everything that needed it. A sign-off holds for exactly what was signed: another version or other code asks again."}
	default:
		return []string{"Nothing in this pull request's lockfiles needs a sign-off."}
	}
}

func namesOf(groups []group, code func(string) string) string {
	var names []string
	for _, g := range groups[:min(len(groups), 5)] {
		names = append(names, code(g.title))
	}
	if len(groups) > 5 {
		names = append(names, fmt.Sprintf("%d more", len(groups)-5))
	}
	if len(names) > 1 {
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	return strings.Join(names, "")
}

// StateText says how it stands with one finding, and who signed it off. text
// makes foreign text inert.
func StateText(o policy.Outcome, text func(string) string) string {
	switch o.State {
	case policy.Signed:
		var who []string
		for _, s := range o.SignedBy {
			if name := text(s.Login); !slices.Contains(who, name) {
				who = append(who, name)
			}
		}
		return "signed by " + strings.Join(who, ", ")
	case policy.Open:
		if o.With != nil {
			return "answered with " + text(o.With.Package.Name)
		}
		if o.Missing > 1 {
			return fmt.Sprintf("needs %d sign-offs", o.Missing)
		}
		return "needs a sign-off"
	case policy.Admitted:
		return "on the allowlist"
	}
	return StateWord(o.State)
}

// StateWord is how a state is shown, the same everywhere.
func StateWord(s policy.State) string {
	switch s {
	case policy.Open:
		return "sign-off"
	case policy.Blocked:
		return "blocked"
	case policy.Rejected:
		return "rejected"
	case policy.Signed:
		return "signed"
	case policy.Admitted:
		return "allowed"
	default:
		return "note"
	}
}

// CapabilityWords says in plain words what build code with a capability does.
func CapabilityWords(c buildcode.Capability) string {
	switch c {
	case buildcode.Compile:
		return "compiles code in other languages"
	case buildcode.RunUnknown:
		return "starts a program that cannot be named"
	case buildcode.Network:
		return "reaches the network"
	case buildcode.ReadEnv:
		return "reads environment variables"
	case buildcode.ReadFiles:
		return "reads files outside the package"
	case buildcode.WriteFiles:
		return "writes files outside its output"
	case buildcode.Home:
		return "looks into the home directory"
	case buildcode.LoadCode:
		return "loads or evaluates other code"
	case buildcode.Decode:
		return "decodes hidden text"
	case buildcode.EmbeddedBinary:
		return "carries an executable"
	case buildcode.Unanalysed:
		return "could not be fully read"
	}
	if name, ok := strings.CutPrefix(string(c), "run:"); ok {
		return "starts " + name
	}
	return ""
}

// KindWords names a way by which code gets to run.
func KindWords(k buildcode.Kind) string {
	switch k {
	case buildcode.BuildScript:
		return "build script"
	case buildcode.ProcMacro:
		return "procedural macro"
	case buildcode.SetupScript:
		return "setup script"
	case buildcode.BuildBackend:
		return "build backend code"
	case buildcode.StartupHook:
		return "start-up hook"
	case buildcode.LinkedLibrary:
		return "library linked into build code"
	}
	return string(k)
}
