package allowlist

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/config/strict"
)

// Remove returns data without the entries that drop wants, and these. What goes is
// each entry's own lines, from its header to its last value, and one of the empty
// lines around it; every other byte stays as it is, comments above and below an
// entry included: they are the owners' words, and may be about more than this entry.
//
// It is an error if data does not parse, or if entries stand in braces on one line
// (allow = [{...}]), where they cannot be told apart by lines.
func Remove(data []byte, drop func(Entry) bool) (result []byte, removed []Entry, err error) {
	var f file
	doc, err := strict.Parse(Path, data, &f)
	if err != nil {
		return nil, nil, fmt.Errorf("remove from the allowlist: %w", err)
	}
	old, err := Parse(Path, data, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("remove from the allowlist: %w", err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	gone := make([]bool, len(lines))
	var kept []Entry
	for i, e := range old.Entries {
		if !drop(e) {
			kept = append(kept, e)
			continue
		}
		first, last := doc.Lines("allow", i)
		if first == 0 || last > len(lines) {
			return nil, nil, errors.New("remove from the allowlist: its entries stand in a list in braces; write each as [[allow]], or edit the file by hand")
		}
		removed = append(removed, e)
		for n := first - 1; n < last; n++ {
			gone[n] = true
		}
		takeEmptyLine(lines, gone, first-1, last)
	}
	if len(removed) == 0 {
		return bytes.Clone(data), nil, nil
	}
	for i, line := range lines {
		if !gone[i] {
			result = append(result, line...)
		} else if i == 0 && bytes.HasPrefix(line, byteOrderMark) {
			result = append(result, byteOrderMark...)
		}
	}
	// What is left must read as it did before.
	parsed, err := Parse(Path, result, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("remove from the allowlist: %w", err)
	}
	if !slices.EqualFunc(parsed.Entries, kept, sameWords) {
		return nil, nil, errors.New("remove from the allowlist: what is left does not read as before; edit the file by hand")
	}
	return result, removed, nil
}

var byteOrderMark = []byte("\ufeff")

// takeEmptyLine marks one empty line beside the removed lines [first, last): the one
// behind them, or at the end of the file the one before.
func takeEmptyLine(lines [][]byte, gone []bool, first, last int) {
	empty := func(i int) bool {
		return i >= 0 && i < len(lines) && !gone[i] && len(lines[i]) > 0 && len(bytes.TrimSpace(lines[i])) == 0
	}
	switch {
	case empty(last):
		gone[last] = true
	case (last >= len(lines) || len(lines[last]) == 0) && empty(first-1):
		gone[first-1] = true
	}
}

// sameWords reports whether two entries say the same in every word; the line does
// not count.
func sameWords(a, b Entry) bool {
	a.Line, b.Line = 0, 0
	return a.Same(b) && Format(a) == Format(b)
}
