package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress tells on one line of a terminal what is being looked at, how far it is
// and how long it will still take. It writes nothing where there is no terminal.
type progress struct {
	show func(done, total int, what string)
	done func()
}

// redraw is how often the line is drawn at most.
const redraw = 100 * time.Millisecond

// newProgress writes to w if that is a terminal and nobody wants quiet.
func newProgress(w io.Writer, quiet bool) progress {
	width, ok := terminalWidth(w)
	if !ok || quiet {
		return progress{done: func() {}}
	}
	start := time.Now()
	var last time.Time
	return progress{
		show: func(done, total int, what string) {
			now := time.Now()
			if now.Sub(last) < redraw && done < total {
				return
			}
			last = now
			fmt.Fprint(w, "\r\x1b[K"+progressLine(width, done, total, now.Sub(start), what))
		},
		done: func() { fmt.Fprint(w, "\r\x1b[K") },
	}
}

// progressLine is "  [=====>     ] 12 of 49  looking at ring, about 40 s left", cut to
// less than width columns.
func progressLine(width, done, total int, since time.Duration, what string) string {
	const cells = 20
	full := done * cells / max(total, 1)
	bar := strings.Repeat("=", full)
	if full < cells {
		bar += ">"
	}
	line := fmt.Sprintf("  [%-*s] %d of %d  ", cells, bar, done, total)
	switch {
	case what == "":
		line += "putting it together"
	default:
		line += "looking at " + printable(what) + remaining(done, total, since)
	}
	if len(line) >= width {
		line = line[:max(0, width-1)]
	}
	return line
}

// remaining is how long it takes if it goes on as it did; nothing before that can be
// told.
func remaining(done, total int, since time.Duration) string {
	if done < 3 || since < time.Second {
		return ""
	}
	left := time.Duration(float64(since) / float64(done) * float64(total-done))
	switch {
	case left < 2*time.Second:
		return ""
	case left < time.Minute:
		return fmt.Sprintf(", about %d s left", int(left.Seconds()))
	}
	return fmt.Sprintf(", about %d min left", int(left.Minutes()+0.5))
}

// printable drops what a terminal could be steered with.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
