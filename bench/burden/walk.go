package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// question is one finding that had to be signed off.
type question struct {
	change  string
	when    time.Time
	finding policy.Finding
	entry   string // the entry that accepted it, one line; empty where none could
}

// measured is what one history asked for.
type measured struct {
	name              string
	first, last       time.Time
	changes, packages int // packages: entries added, updated, moved or altered
	reduced           int // entries of the last version whose files were reduced to the fetched ones
	questions         []question
	stops             map[policy.Rule]int // changes in which a rule asked
	stopped           int                 // changes that had to stop
	groups            int                 // packages or files asked about, each counted once a change
	warned, blocked   map[policy.Rule]int
	blockedNotes      []string
	entries           int // of the allowlist at the end
	ways              []*way
}

// walker goes through a history as a careful owner would: judge, accept what
// Lockkeeper proposes, go on.
type walker struct {
	engine *engine
	list   []byte // the allowlist's file
	signed map[lockkeeper.Digest]bool
	out    *measured
}

// walk measures one history. have says which of Python's files were fetched.
// accepted: the list starts with all that the first version locks, else empty.
func walk(ctx context.Context, e *engine, h *history, have func(lockkeeper.Digest) bool, accepted bool) (*measured, error) {
	w := &walker{engine: e, signed: map[lockkeeper.Digest]bool{}, out: &measured{
		name: h.name, first: h.changes[0].when, last: h.changes[len(h.changes)-1].when, changes: len(h.changes),
		stops: map[policy.Rule]int{}, warned: map[policy.Rule]int{}, blocked: map[policy.Rule]int{}, ways: otherWays(),
	}}
	for i, c := range h.changes {
		c.base, c.head = reduced{c.base, have}, reduced{c.head, have}
		if i == 0 {
			before := change{name: "the start", when: c.when, base: memory{}, head: c.base}
			if err := w.start(ctx, before, accepted); err != nil {
				return nil, err
			}
		}
		if err := w.step(ctx, c); err != nil {
			return nil, err
		}
		all, err := e.releases(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, way := range w.out.ways {
			way.step(all)
		}
	}
	var err error
	if w.out.reduced, err = reducedEntries(ctx, h.changes[len(h.changes)-1].head, have); err != nil {
		return nil, err
	}
	list, err := allowlist.Parse(allowlist.Path, w.list, policy.AllowRules())
	if err != nil {
		return nil, err
	}
	w.out.entries = len(list.Entries)
	return w.out, nil
}

// start gives every other way of keeping a list what is locked at the start, and
// ours too if it is to be accepted.
func (w *walker) start(ctx context.Context, before change, accepted bool) error {
	all, err := w.engine.releases(ctx, before)
	if err != nil {
		return err
	}
	for _, way := range w.out.ways {
		way.accept(all)
	}
	if !accepted {
		return nil
	}
	open, _, err := w.judge(ctx, before)
	if err != nil {
		return err
	}
	for _, o := range open {
		if _, err := w.accept(o); err != nil {
			return err
		}
	}
	return nil
}

// judge is what is open in a change, with the list as it is now, and all outcomes.
func (w *walker) judge(ctx context.Context, c change) (open []policy.Outcome, all *judged, err error) {
	result, err := w.engine.scan(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	list, err := allowlist.Parse(allowlist.Path, w.list, policy.AllowRules())
	if err != nil {
		return nil, nil, err
	}
	decision := policy.Evaluate(policy.Input{Findings: result.Findings, Policy: w.engine.rules, Allowlist: list, Onboarded: true, Now: c.when})
	for _, o := range decision.Outcomes {
		// What no entry can accept is signed off, and a sign-off holds for the same again.
		if o.State == policy.Open && !w.signed[o.Digest] {
			open = append(open, o)
		}
	}
	return open, &judged{result, decision}, nil
}

type judged struct {
	result   *scan.Result
	decision policy.Decision
}

// step judges a change, counts what it asks for and accepts it.
func (w *walker) step(ctx context.Context, c change) error {
	open, all, err := w.judge(ctx, c)
	if err != nil {
		return err
	}
	for _, row := range all.result.Changes {
		if row.Kind != lockfile.Removed {
			w.out.packages++
		}
	}
	for _, o := range all.decision.Outcomes {
		switch o.State {
		case policy.Warned:
			w.out.warned[o.Finding.Rule]++
		case policy.Blocked:
			w.out.blocked[o.Finding.Rule]++
			w.out.blockedNotes = append(w.out.blockedNotes, fmt.Sprintf("%s %s: %s", c.name, o.Finding.Package, o.Finding.Message))
		}
	}
	rules, groups := map[policy.Rule]bool{}, map[string]bool{}
	for _, o := range open {
		q := question{change: c.name, when: c.when, finding: o.Finding}
		if q.entry, err = w.accept(o); err != nil {
			return err
		}
		w.out.questions = append(w.out.questions, q)
		rules[o.Finding.Rule] = true
		groups[cmp.Or(o.Finding.Package.Name, o.Finding.Lockfile)+"@"+o.Finding.Package.Version] = true
	}
	for rule := range rules {
		w.out.stops[rule]++
	}
	w.out.groups += len(groups)
	if len(open) > 0 || all.decision.Count(policy.Blocked) > 0 {
		w.out.stopped++
	}
	return nil
}

// accept adds what Lockkeeper proposes to the list, as `lockkeeper allow add` does,
// and gives the entry in one line. Where no entry can be written it is a sign-off
// alone, and the line is empty.
func (w *walker) accept(o policy.Outcome) (string, error) {
	w.signed[o.Digest] = true
	if o.Finding.Package.Name == "" {
		return "", nil
	}
	e := allowlist.Propose(o.Finding.AllowSubject())
	if !e.Any && e.May == nil && e.BuildCode == "" && len(e.Publishers)+len(e.Rules) == 0 {
		return "", nil
	}
	e.Reason, e.SignedOffBy = "measured", "owner"
	list, err := allowlist.Append(w.list, e)
	if err != nil {
		return "", err
	}
	w.list = list
	e.Reason, e.SignedOffBy = "", ""
	lines := strings.Split(strings.TrimSpace(allowlist.Format(e)), "\n")[2:] // without [[allow]] and package
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, ", "), nil
}

// reducedEntries counts the entries of a tree that have files which were not
// fetched.
func reducedEntries(ctx context.Context, t scan.Tree, have func(lockkeeper.Digest) bool) (int, error) {
	all, err := lockfiles(ctx, t)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, l := range all {
		if l.Format == lockfile.Cargo {
			continue
		}
		for _, e := range l.Entries {
			if slices.ContainsFunc(e.Files, func(f lockfile.File) bool { return !have(f.Digest) }) {
				n++
			}
		}
	}
	return n, nil
}
