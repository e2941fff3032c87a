package strict

import (
	"fmt"
	"strings"
)

// Closest returns the candidate that a person who wrote word most likely meant,
// or "" where none is close: about a third of its letters differ at most, counting two
// swapped neighbours as one. Case does not matter. Of equals the first wins.
func Closest(word string, candidates []string) string {
	const longest = 64 // beyond this it is no slip of the hand, and costs time
	if len(word) > longest {
		return ""
	}
	best, bestDistance := "", len(word)
	for _, candidate := range candidates {
		if len(candidate) > longest {
			continue
		}
		d := distance(strings.ToLower(word), strings.ToLower(candidate))
		if limit := max(1, (max(len(word), len(candidate))+1)/3); d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of inserted, removed, replaced or swapped letters
// between a and b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// Either lists words to choose from: `"a", "b" or "c"`.
func Either(words []string) string {
	var b strings.Builder
	for i, word := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", word)
	}
	return b.String()
}
