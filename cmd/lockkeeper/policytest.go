package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/replay"
	"github.com/lockkeeper/lockkeeper/scan"
)

type policyTestCmd struct {
	Since  string `help:"How far back: 90d, 12w, 1y, or a date." default:"90d" placeholder:"TIME"`
	Policy string `help:"The policy to try. Default: that of the work tree, else the default one." placeholder:"FILE" type:"path"`
	Head   string `help:"Branch or revision whose history is taken." default:"HEAD" placeholder:"REV"`
	Repo   string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	engineFlags
}

func (policyTestCmd) Help() string {
	return `Goes through the lockfile changes of the past, each judged on its own day, as an owner would
who accepts what Lockkeeper proposes, starting with the allowlist of the work tree. What
registries have yanked since is not counted: they do not say when.

Examples:
  lockkeeper policy test
  lockkeeper policy test --since 1y
  lockkeeper policy test --policy strict.toml --since 2026-01-01`
}

func (c *policyTestCmd) Run(p *process) error {
	since, err := parseSince(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	rules, err := readPolicy(cmp.Or(c.Policy, filepath.Join(repo.Root(), filepath.FromSlash(policy.Path))))
	if err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(repo.Root(), filepath.FromSlash(allowlist.Path)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	changes, first, err := replay.Commits(p.ctx, repo, c.Head, since, rules)
	if err != nil {
		return err
	}
	t := &trial{shallow: repo.Shallow(p.ctx), owner: replay.Owner{Policy: rules, List: list}, since: since, first: first, byRule: map[policy.Rule]int{}}
	if len(changes) > 0 {
		if err := t.run(p, c.engineFlags, changes); err != nil {
			return err
		}
	}
	return t.write(p)
}

// trial is what a policy would have asked.
type trial struct {
	owner        replay.Owner
	since, first time.Time
	shallow      bool
	changes      int
	stopped      int // changes that would have waited
	questions    []string
	byRule       map[policy.Rule]int
	unverified   int // of these, what could not be looked at today
}

func (t *trial) run(p *process, flags engineFlags, changes []replay.Change) error {
	scanner, err := flags.scanner(p)
	if err != nil {
		return err
	}
	for ecosystem, client := range scanner.Registries {
		scanner.Registries[ecosystem] = &replay.Settled{Client: client}
	}
	progress := newProgress(p.stderr, p.quiet || p.verbose)
	defer progress.done()
	for i, change := range changes {
		if progress.show != nil {
			progress.show(i, len(changes), change.When.Format(time.DateOnly)+" "+change.Name)
		}
		result, err := replay.Scan(p.ctx, scanner, change, t.owner.Policy)
		if err != nil {
			return err
		}
		if err := t.judge(change, result); err != nil {
			return err
		}
	}
	return nil
}

// judge counts one change, and accepts what it asks.
func (t *trial) judge(change replay.Change, result *scan.Result) error {
	t.changes++
	open, decision, err := t.owner.Judge(result, change.When)
	if err != nil {
		return err
	}
	for _, o := range decision.Outcomes {
		if o.State == policy.Blocked {
			t.ask(change, o, "blocked")
		}
	}
	for _, o := range open {
		t.ask(change, o, "sign-off")
		if _, err := t.owner.Accept(o); err != nil {
			return err
		}
	}
	if len(open) > 0 || decision.Count(policy.Blocked) > 0 {
		t.stopped++
	}
	return nil
}

func (t *trial) ask(change replay.Change, o policy.Outcome, word string) {
	f := o.Finding
	what := strings.TrimSpace(f.Package.Name + " " + f.Package.Version)
	if f.Package.Name == "" {
		what = f.Lockfile
	} else if f.From != "" && f.From != f.Package.Version {
		what = f.Package.Name + " " + f.From + " -> " + f.Package.Version
	}
	t.byRule[f.Rule]++
	if f.Rule == policy.Unverified {
		t.unverified++
	}
	t.questions = append(t.questions, fmt.Sprintf("%s  %.7s  %-8s  %s   %s", change.When.Format(time.DateOnly), change.Name, word, printable(what), f.Rule))
}

func (t *trial) write(p *process) error {
	days := int(time.Since(t.since).Hours() / 24)
	var b strings.Builder
	switch {
	case t.changes == 0:
		fmt.Fprintf(&b, "No lockfile changed in the last %d days.", days)
	case len(t.questions) == 0:
		fmt.Fprintf(&b, "In the last %d days %s; this policy would have asked nothing.", days, changed(t.changes))
	default:
		fmt.Fprintf(&b, "In the last %d days %s; this policy would have asked %s, in %s:", days, changed(t.changes), times(len(t.questions)), counted(t.stopped, "change", "changes"))
	}
	b.WriteString("\n")
	if t.first.After(t.since) {
		fmt.Fprintf(&b, "The history here begins on %s.", t.first.Format(time.DateOnly))
		if t.shallow {
			b.WriteString(" This clone is shallow; git fetch --unshallow brings the rest.")
		}
		b.WriteString("\n")
	}
	if len(t.questions) > 0 {
		b.WriteString("\n")
		for _, q := range t.questions {
			b.WriteString("  " + q + "\n")
		}
		b.WriteString("\nBy rule: ")
		rules := slices.Sorted(maps.Keys(t.byRule))
		slices.SortStableFunc(rules, func(a, b policy.Rule) int { return t.byRule[b] - t.byRule[a] })
		for i, rule := range rules {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %d", rule, t.byRule[rule])
		}
		entries, err := t.owner.Entries()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, ".\nAccepting what Lockkeeper proposes, the allowlist would have %s now.\n", counted(entries, "entry", "entries"))
		if t.unverified > 0 {
			fmt.Fprintf(&b, "%s of these could not be looked at today; on their day they may have been.\n", counted(t.unverified, "", ""))
		}
	}
	_, err := p.stdout.Write([]byte(b.String()))
	return err
}

func changed(n int) string {
	if n == 1 {
		return "1 commit changed a lockfile"
	}
	return fmt.Sprintf("%d commits changed a lockfile", n)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// counted is "1 entry", "2 entries"; without words the number alone.
func counted(n int, one, many string) string {
	if n == 1 {
		return strings.TrimSpace("1 " + one)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, many))
}

// parseSince reads "90d", "12w", "6m", "1y" before now, or a date.
func parseSince(text string, now time.Time) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	if n := len(text) - 1; n > 0 {
		count, err := strconv.Atoi(text[:n])
		if err == nil && count > 0 && count <= 36500 {
			switch text[n] {
			case 'd':
				return now.AddDate(0, 0, -count), nil
			case 'w':
				return now.AddDate(0, 0, -7*count), nil
			case 'm':
				return now.AddDate(0, -count, 0), nil
			case 'y':
				return now.AddDate(-count, 0, 0), nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("--since %q: write 90d, 12w, 6m, 1y or a date such as 2026-01-31", printable(text))
}
