package report

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// maxStoredDiffs bounds the diffs of one stored report together, in bytes, and
// maxStored all of it unpacked: five hundred packages with the longest diffs have
// some thirty megabytes of them.
const (
	maxStoredDiffs = 6 << 20
	maxStored      = 32 << 20
)

// Encode packs a report for keeping, so that pages show the very result that was
// decided on. The worst findings keep their diffs first; where a finding's diff
// did not fit, its lines are counted still. It is bounded by maxSize bytes.
func Encode(r *Report, maxSize int) ([]byte, error) {
	for _, budget := range []int{maxStoredDiffs, maxStoredDiffs / 8, 0} {
		data, err := encode(r, budget)
		if err != nil || len(data) <= maxSize {
			return data, err
		}
	}
	return nil, fmt.Errorf("keep the report: it has more than %d bytes without any diff", maxSize)
}

func encode(r *Report, budget int) ([]byte, error) {
	kept := *r
	kept.Decision.Outcomes = slices.Clone(r.Decision.Outcomes)
	for i, o := range kept.Decision.Outcomes {
		if o.Finding.Code == nil {
			continue
		}
		code := *o.Finding.Code
		if budget -= len(code.Diff); budget < 0 {
			code.Diff, budget = "", 0
		}
		kept.Decision.Outcomes[i].Finding.Code = &code
	}
	result := *r.Scan
	result.Findings = nil // those of the decision are the same
	kept.Scan = &result
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(z).Encode(&kept), z.Close()); err != nil {
		return nil, fmt.Errorf("keep the report: %w", err)
	}
	return b.Bytes(), nil
}

// Decode unpacks what Encode packed. Scan.Findings is empty; Decision has them.
func Decode(data []byte) (*Report, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read a kept report: %w", err)
	}
	var r Report
	if err := json.NewDecoder(io.LimitReader(z, maxStored)).Decode(&r); err != nil {
		return nil, fmt.Errorf("read a kept report: %w", err)
	}
	if r.Scan == nil {
		r.Scan = &scan.Result{}
	}
	r.Decision.Outcomes = slices.DeleteFunc(r.Decision.Outcomes, func(o policy.Outcome) bool { return o.Digest == "" })
	return &r, nil
}

// Headline is what an overview says of a report.
type Headline struct {
	Title string `json:"title"`
	// Pull is the pull request's own title, Author who opened it.
	Pull      string `json:"pull,omitempty"`
	Author    string `json:"author,omitempty"`
	Reviewers string `json:"reviewers,omitempty"`
	// Since is when it began to wait for somebody; zero where it does not.
	Since time.Time `json:"since,omitzero"`
}

// HeadlineOf sums up r, made at the time now after the report with the headline
// before.
func HeadlineOf(r *Report, before Headline, now time.Time) Headline {
	h := Headline{Title: r.Title(), Reviewers: shorten(r.Decision.Reviewers, 500)}
	if r.Pull != nil {
		h.Pull, h.Author = shorten(r.Pull.Title, 500), r.Pull.Author
	}
	if c := r.Decision.Conclusion; c == policy.ActionRequired || c == policy.Failure {
		h.Since = before.Since
		if h.Since.IsZero() {
			h.Since = now
		}
	}
	return h
}
