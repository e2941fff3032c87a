package main

import (
	"bytes"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		width, done, total int
		since              time.Duration
		what, want         string
	}{
		{80, 0, 49, 0, "ring", "  [>                   ] 0 of 49  looking at ring"},
		{80, 12, 49, 12 * time.Second, "ring", "  [====>               ] 12 of 49  looking at ring, about 37 s left"},
		{80, 10, 310, 10 * time.Second, "ring", "  [>                   ] 10 of 310  looking at ring, about 5 min left"},
		{80, 49, 49, time.Minute, "", "  [====================] 49 of 49  putting it together"},
		{40, 0, 49, 0, "a-very-long-name\x1b[31m", "  [>                   ] 0 of 49  looki"},
		{80, 0, 2, 0, "a\x1b]0;x\a", "  [>                   ] 0 of 2  looking at a?]0;x?"},
		{80, 0, 0, 0, "", "  [>                   ] 0 of 0  putting it together"},
	} {
		if got := progressLine(test.width, test.done, test.total, test.since, test.what); got != test.want {
			t.Errorf("%d of %d:\n got %q\nwant %q", test.done, test.total, got, test.want)
		}
	}
}

// What is no terminal gets nothing at all.
func TestProgressIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, false)
	if p.show != nil {
		t.Error("a pipe is shown progress")
	}
	p.done()
	if b.Len() > 0 {
		t.Errorf("a pipe got %q", b.String())
	}
}
