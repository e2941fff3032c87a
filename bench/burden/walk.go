package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/replay"
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
	owner  replay.Owner
	out    *measured
}

// walk measures one history. have says which of Python's files were fetched.
// accepted: the list starts with all that the first version locks, else empty.
func walk(ctx context.Context, e *engine, h *history, have func(lockkeeper.Digest) bool, accepted bool) (*measured, error) {
	w := &walker{engine: e, owner: replay.Owner{Policy: e.rules}, out: &measured{
		name: h.name, first: h.changes[0].When, last: h.changes[len(h.changes)-1].When, changes: len(h.changes),
		stops: map[policy.Rule]int{}, warned: map[policy.Rule]int{}, blocked: map[policy.Rule]int{}, ways: otherWays(),
	}}
	for i, c := range h.changes {
		c.Base, c.Head = reduced{c.Base, have}, reduced{c.Head, have}
		if i == 0 {
			before := replay.Change{Name: "the start", When: c.When, Base: memory{}, Head: c.Base}
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
	if w.out.reduced, err = reducedEntries(ctx, h.changes[len(h.changes)-1].Head, have); err != nil {
		return nil, err
	}
	w.out.entries, err = w.owner.Entries()
	return w.out, err
}

// start gives every other way of keeping a list what is locked at the start, and
// ours too if it is to be accepted.
func (w *walker) start(ctx context.Context, before replay.Change, accepted bool) error {
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
		if _, err := w.owner.Accept(o); err != nil {
			return err
		}
	}
	return nil
}

// judge is what is open in a change, with the list as it is now, and all outcomes.
func (w *walker) judge(ctx context.Context, c replay.Change) (open []policy.Outcome, all *judged, err error) {
	result, err := w.engine.scan(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	open, decision, err := w.owner.Judge(result, c.When)
	return open, &judged{result, decision}, err
}

type judged struct {
	result   *scan.Result
	decision policy.Decision
}

// step judges a change, counts what it asks for and accepts it.
func (w *walker) step(ctx context.Context, c replay.Change) error {
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
			w.out.blockedNotes = append(w.out.blockedNotes, fmt.Sprintf("%s %s: %s", c.Name, o.Finding.Package, o.Finding.Message))
		}
	}
	rules, groups := map[policy.Rule]bool{}, map[string]bool{}
	for _, o := range open {
		q := question{change: c.Name, when: c.When, finding: o.Finding}
		if q.entry, err = w.owner.Accept(o); err != nil {
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
