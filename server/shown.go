package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/store"
)

// summary is what the store keeps of a scan.
type summary struct {
	Title    string           `json:"title"`
	Findings []summaryFinding `json:"findings"`
	// Gone are those of earlier scans that this one did not find any more, with when they
	// were shown: a comment that was written then, and comes in late, is about them.
	Gone []summaryFinding `json:"gone,omitempty"`
	// Held: this run could not judge; the findings are those of the scan before.
	Held bool `json:"held,omitempty"`
}

type summaryFinding struct {
	Digest   lockkeeper.Digest  `json:"digest"`
	Rule     policy.Rule        `json:"rule"`
	State    policy.State       `json:"state"`
	Package  lockkeeper.Package `json:"package,omitzero"`
	Lockfile string             `json:"lockfile"`
	// Since is from when on it has been shown without a break; zero while it is not
	// certain that GitHub shows it.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"` // of those that are gone
}

// summaryOf is what r shows. What was shown before has been shown since then.
func summaryOf(r *report.Report, before summary, now time.Time) summary {
	known := map[lockkeeper.Digest]summaryFinding{}
	for _, f := range before.Findings {
		known[f.Digest] = f
	}
	s := summary{Title: r.Title()}
	for _, o := range r.Decision.Outcomes {
		f := o.Finding
		s.Findings = append(s.Findings, summaryFinding{
			Digest: o.Digest, Rule: f.Rule, State: o.State, Package: f.Package, Lockfile: f.Lockfile, Since: known[o.Digest].Since,
		})
	}
	for _, o := range r.Decision.Outcomes {
		delete(known, o.Digest)
	}
	s.Gone = slices.DeleteFunc(slices.Clone(before.Gone), func(f summaryFinding) bool { return f.Until.Before(now.Add(-goneFor)) })
	for _, f := range before.Findings {
		if gone, ok := known[f.Digest]; ok && !gone.Since.IsZero() {
			s.Gone = append(s.Gone, f)
		}
	}
	s.Gone = s.Gone[max(0, len(s.Gone)-maxGone):]
	return s
}

// goneFor is how late a comment may come in, and maxGone how many findings are kept
// for that.
const goneFor, maxGone = time.Hour, 500

// shownBefore is the summary of an earlier scan, empty where there was none.
func shownBefore(before store.Scan) (summary, error) {
	var s summary
	if len(before.Result) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(before.Result, &s); err != nil {
		return s, fmt.Errorf("read the scan before: %w", err)
	}
	return s, nil
}

// shownFrom is s once GitHub shows all of it.
func (s summary) shownFrom(at time.Time) summary {
	for i := range s.Findings {
		if s.Findings[i].Since.IsZero() {
			s.Findings[i].Since = at
		}
	}
	for i := range s.Gone {
		if s.Gone[i].Until.IsZero() {
			s.Gone[i].Until = at
		}
	}
	return s
}

// at gives what was shown at a time, as far as s knows, in the form in which commands
// choose from findings. GitHub's times are whole seconds: what was shown in the same
// second was shown later.
func (s summary) at(t time.Time) []policy.Outcome {
	var shown []policy.Outcome
	for _, f := range slices.Concat(s.Findings, s.Gone) {
		isShown := !f.Since.IsZero() && !t.Before(f.Since) && (f.Until.IsZero() || t.Before(f.Until))
		if isShown && !slices.ContainsFunc(shown, func(o policy.Outcome) bool { return o.Digest == f.Digest && o.Finding.Lockfile == f.Lockfile }) {
			shown = append(shown, policy.Outcome{Digest: f.Digest, State: f.State, Finding: policy.Finding{Rule: f.Rule, Package: f.Package, Lockfile: f.Lockfile}})
		}
	}
	return shown
}

// has reports whether any of the findings is shown.
func (s summary) has(digests map[lockkeeper.Digest]bool) bool {
	return slices.ContainsFunc(s.Findings, func(f summaryFinding) bool { return digests[f.Digest] })
}

// same reports whether s has the findings of an earlier summary, whatever their
// states.
func (s summary) same(before summary) bool {
	if before.Held || len(before.Findings) != len(s.Findings) {
		return false
	}
	digests := map[lockkeeper.Digest]int{}
	for i := range s.Findings {
		digests[s.Findings[i].Digest]++
		digests[before.Findings[i].Digest]--
	}
	for _, n := range digests {
		if n != 0 {
			return false
		}
	}
	return true
}
