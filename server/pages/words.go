package pages

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ago says how long something is past, in its largest unit.
func ago(d time.Duration) string {
	units := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return units(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return units(int(d.Hours()), "hour")
	}
	return units(int(d.Hours()/24), "day")
}

// clip trims s and cuts it to at most n bytes at a rune's edge.
func clip(s string, n int) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
