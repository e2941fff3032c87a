package main

import (
	"cmp"
	"encoding/json"
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
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

type policyTestCmd struct {
	Since  string `help:"How far back: 90d, 12w, 1y, or a date." default:"90d" placeholder:"TIME"`
	Policy string `help:"The policy to try. Default: that of the work tree, else the default one." placeholder:"FILE" type:"path"`
	Format string `help:"text or json." enum:"text,json" default:"text"`
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
  lockkeeper policy test --policy strict.toml --since 2026-01-01
  lockkeeper policy test --format json | jq .asked`
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
	t := &trial{owner: replay.Owner{Policy: rules, List: list}, outcome: trialOutcome{
		Schema: trialSchema, Since: since.UTC().Truncate(time.Second), Head: c.Head, Asked: []trialQuestion{}, ByRule: map[policy.Rule]int{},
	}}
	if first.After(since) {
		t.outcome.Begins, t.outcome.Shallow = first.UTC(), repo.Shallow(p.ctx)
	}
	if len(changes) > 0 {
		if err := t.run(p, c.engineFlags, changes); err != nil {
			return err
		}
	}
	if t.outcome.Entries, err = t.owner.Entries(); err != nil {
		return err
	}
	if c.Format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(t.outcome)
	}
	return t.outcome.write(p)
}

// trial goes through the past.
type trial struct {
	owner   replay.Owner
	outcome trialOutcome
}

// trialSchema is the version of the JSON form, which docs/schema/policy-test.schema.json
// describes. Fields are only ever added within one version.
const trialSchema = 1

// trialOutcome is what a policy would have asked.
type trialOutcome struct {
	Schema     int                 `json:"schema"`
	Since      time.Time           `json:"since"`
	Begins     time.Time           `json:"history_begins,omitzero"` // where it does not reach as far as Since
	Shallow    bool                `json:"shallow,omitempty"`       // because the clone is
	Head       string              `json:"head"`
	Changes    int                 `json:"changes"`
	Stopped    int                 `json:"stopped"` // changes that would have waited
	Asked      []trialQuestion     `json:"asked"`
	ByRule     map[policy.Rule]int `json:"by_rule"`
	Entries    int                 `json:"entries"`    // of the allowlist, at the end
	Unverified int                 `json:"unverified"` // of Asked, what could not be looked at today
}

// trialQuestion is one thing that somebody would have had to sign off, or that nobody
// could have.
type trialQuestion struct {
	When     time.Time    `json:"when"`
	Commit   string       `json:"commit"`
	Level    policy.Level `json:"level"` // sign-off or block
	Rule     policy.Rule  `json:"rule"`
	Package  string       `json:"package,omitempty"`
	Name     string       `json:"name,omitempty"`
	From     string       `json:"from,omitempty"`
	To       string       `json:"to,omitempty"`
	Lockfile string       `json:"lockfile"`
	Message  string       `json:"message"`
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
	t.outcome.Changes++
	open, decision, err := t.owner.Judge(result, change.When)
	if err != nil {
		return err
	}
	for _, o := range decision.Outcomes {
		if o.State == policy.Blocked {
			t.ask(change, o, policy.BlockLevel)
		}
	}
	for _, o := range open {
		t.ask(change, o, policy.SignOffLevel)
		if _, err := t.owner.Accept(o); err != nil {
			return err
		}
	}
	if len(open) > 0 || decision.Count(policy.Blocked) > 0 {
		t.outcome.Stopped++
	}
	return nil
}

func (t *trial) ask(change replay.Change, o policy.Outcome, level policy.Level) {
	f := o.Finding
	q := trialQuestion{When: change.When.UTC(), Commit: change.Name, Level: level, Rule: f.Rule, Lockfile: f.Lockfile, Message: f.Message}
	if f.Package.Name != "" {
		q.Package, q.Name, q.From, q.To = f.Package.String(), f.Package.Name, f.From, f.Package.Version
	}
	t.outcome.ByRule[f.Rule]++
	if f.Rule == policy.Unverified {
		t.outcome.Unverified++
	}
	t.outcome.Asked = append(t.outcome.Asked, q)
}

// what names the subject of a question for people.
func (q trialQuestion) what() string {
	switch {
	case q.Name == "":
		return q.Lockfile
	case q.From != "" && q.From != q.To:
		return q.Name + " " + q.From + " -> " + q.To
	}
	return q.Name + " " + q.To
}

func (t trialOutcome) write(p *process) error {
	days := int(time.Since(t.Since).Hours() / 24)
	var b strings.Builder
	switch {
	case t.Changes == 0:
		fmt.Fprintf(&b, "No lockfile changed in the last %d days.", days)
	case len(t.Asked) == 0:
		fmt.Fprintf(&b, "In the last %d days %s; this policy would have asked nothing.", days, changed(t.Changes))
	default:
		fmt.Fprintf(&b, "In the last %d days %s; this policy would have asked %s, in %s:", days, changed(t.Changes), times(len(t.Asked)), counted(t.Stopped, "change", "changes"))
	}
	b.WriteString("\n")
	if !t.Begins.IsZero() {
		fmt.Fprintf(&b, "The history here begins on %s.", t.Begins.Format(time.DateOnly))
		if t.Shallow {
			b.WriteString(" This clone is shallow; git fetch --unshallow brings the rest.")
		}
		b.WriteString("\n")
	}
	if len(t.Asked) > 0 {
		if err := t.list(&b, (outputFlags{Color: "auto"}).textOptions(p)); err != nil {
			return err
		}
	}
	_, err := p.stdout.Write([]byte(b.String()))
	return err
}

// list is every question, and what they come to.
func (t trialOutcome) list(b *strings.Builder, o report.TextOptions) error {
	b.WriteString("\n")
	rows := [][]string{{"DATE", "COMMIT", "ASKS", "PACKAGE", "RULE"}}
	for _, q := range t.Asked {
		word := "sign-off"
		if q.Level == policy.BlockLevel {
			word = "blocked"
		}
		rows = append(rows, []string{q.When.Format(time.DateOnly), fmt.Sprintf("%.7s", q.Commit), word, q.what(), string(q.Rule)})
	}
	if err := report.Table(b, rows, o); err != nil {
		return err
	}
	b.WriteString("\nBy rule: ")
	rules := slices.Sorted(maps.Keys(t.ByRule))
	slices.SortStableFunc(rules, func(a, b policy.Rule) int { return t.ByRule[b] - t.ByRule[a] })
	for i, rule := range rules {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s %d", rule, t.ByRule[rule])
	}
	fmt.Fprintf(b, ".\nAccepting what Lockkeeper proposes, the allowlist would have %s now.\n", counted(t.Entries, "entry", "entries"))
	if t.Unverified > 0 {
		fmt.Fprintf(b, "%d of these could not be looked at today; on their day they may have been.\n", t.Unverified)
	}
	return nil
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

// counted is "1 entry", "2 entries".
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
