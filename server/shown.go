package server

import (
	"encoding/json"
	"fmt"
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
	// Held: this run could not judge; the findings are those of the scan before.
	Held bool `json:"held,omitempty"`
}

type summaryFinding struct {
	Digest lockkeeper.Digest `json:"digest"`
	Rule   policy.Rule       `json:"rule"`
	State  policy.State      `json:"state"`
	// Since is from when on it has been shown without a break; zero while it is not
	// certain that GitHub shows it.
	Since time.Time `json:"since,omitzero"`
}

// summaryOf is what r shows. What was shown before has been shown since then.
func summaryOf(r *report.Report, before summary) summary {
	since := before.since()
	s := summary{Title: r.Title()}
	for _, o := range r.Decision.Outcomes {
		s.Findings = append(s.Findings, summaryFinding{Digest: o.Digest, Rule: o.Finding.Rule, State: o.State, Since: since[o.Digest]})
	}
	return s
}

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
	return s
}

// since says of each finding since when it has been shown.
func (s summary) since() map[lockkeeper.Digest]time.Time {
	times := map[lockkeeper.Digest]time.Time{}
	for _, f := range s.Findings {
		times[f.Digest] = f.Since
	}
	return times
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
