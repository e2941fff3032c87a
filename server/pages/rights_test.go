package pages

import (
	"testing"
	"time"
)

// TestTooManyQuestions: one person cannot use up what the App may ask of GitHub.
func TestTooManyQuestions(t *testing.T) {
	now := time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC)
	r := newRights(func() time.Time { return now })
	asked := 0
	for range 10 * questionsAtOnce {
		if r.mayAsk(1) {
			asked++
		}
	}
	if asked != questionsAtOnce {
		t.Errorf("%d questions at once, want %d", asked, questionsAtOnce)
	}
	if !r.mayAsk(2) {
		t.Error("one person keeps another from asking")
	}
	now = now.Add(time.Second)
	if !r.mayAsk(1) {
		t.Error("a second later")
	}
}

// TestRightsAreBounded: whatever is asked for, so much is remembered.
func TestRightsAreBounded(t *testing.T) {
	now := time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC)
	r := newRights(func() time.Time { return now })
	for i := range 3 * maxRights {
		r.put(rightsKey{"acme/app", int64(i)}, nil)
	}
	if len(r.known) > maxRights {
		t.Errorf("%d answers are remembered", len(r.known))
	}
	now = now.Add(rightsLast)
	if _, ok := r.get(rightsKey{"acme/app", 3*maxRights - 1}); ok {
		t.Error("an answer is believed for more than a minute")
	}
}
