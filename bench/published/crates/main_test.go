package main

import (
	"slices"
	"testing"
)

// TestList: the list can be read, is large enough to mean something, names no
// crate twice and expects every kind somewhere.
func TestList(t *testing.T) {
	crates, err := readList("../crates.tsv")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	kinds := map[string]int{}
	for _, c := range crates {
		if seen[c.String()] {
			t.Errorf("%s twice", c)
		}
		seen[c.String()] = true
		kinds[c.kinds]++
		if !slices.Contains([]string{"none", "build-script", "proc-macro", "both"}, c.kinds) {
			t.Errorf("%s: kinds %q", c, c.kinds)
		}
	}
	if len(crates) < 300 || len(kinds) != 4 {
		t.Errorf("%d crates of kinds %v", len(crates), kinds)
	}
}
