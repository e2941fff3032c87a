package policy

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a pattern, so that matching stays cheap whatever it says.
const (
	maxPattern  = 256 // bytes
	maxPatterns = 1000
)

// checkPattern reports why pattern cannot be matched. Patterns know "*" (any
// characters of one path segment), "?" (one of them) and "**" (any number of whole
// segments). Everything else means itself, so what other tools take for special
// is refused rather than silently taken for a letter.
func checkPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New("the pattern is empty")
	case len(pattern) > maxPattern:
		return fmt.Errorf("the pattern is longer than %d bytes", maxPattern)
	case strings.HasPrefix(pattern, "/"), strings.HasPrefix(pattern, "./"), strings.HasPrefix(pattern, "../"):
		return fmt.Errorf("%q: patterns start at the repository's root; write %q", pattern, strings.TrimLeft(pattern, "./"))
	case strings.HasSuffix(pattern, "/"):
		return fmt.Errorf("%q ends in a slash; write %q for everything below", pattern, pattern+"**")
	case strings.ContainsAny(pattern, `[]{}!\`):
		return fmt.Errorf("%q: patterns know *, ? and ** only; write one pattern for each case", pattern)
	}
	for segment := range strings.SplitSeq(pattern, "/") {
		if segment == "" {
			return fmt.Errorf("%q has an empty segment", pattern)
		}
		if segment != "**" && strings.Contains(segment, "**") {
			return fmt.Errorf("%q: ** stands for whole segments; write it between slashes, or * within one", pattern)
		}
	}
	return nil
}

// matchAny reports whether any of the patterns matches path.
func matchAny(patterns []string, path string) bool {
	for _, pattern := range patterns {
		if match(pattern, path) {
			return true
		}
	}
	return false
}

// match reports whether the whole of path matches pattern. Its time is bounded by
// the product of their lengths.
func match(pattern, path string) bool {
	segments := strings.Split(path, "/")
	// reached[i]: what was read of the pattern matches the first i segments.
	reached := make([]bool, len(segments)+1)
	reached[0] = true
	for want := range strings.SplitSeq(pattern, "/") {
		next := make([]bool, len(segments)+1)
		if want == "**" {
			seen := false
			for i := range reached {
				seen = seen || reached[i]
				next[i] = seen
			}
		} else {
			for i, segment := range segments {
				next[i+1] = reached[i] && matchSegment(want, segment)
			}
		}
		reached = next
	}
	return reached[len(segments)]
}

// matchSegment is match within one segment. On a mismatch it goes back to the
// last "*" alone, which is enough, for an earlier one can do nothing that the last
// cannot.
func matchSegment(pattern, segment string) bool {
	p, s := []rune(pattern), []rune(segment)
	i, j, star, resume := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
