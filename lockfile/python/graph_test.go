package python

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

// What is too long to be compared with may mean any version, as what cannot be read.
func TestSatisfyingIsBounded(t *testing.T) {
	var entries []lockfile.Entry
	for _, v := range []string{"1.0", "2.0"} {
		entries = append(entries, lockfile.Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI, Name: "a", Version: v}})
	}
	both := []int{0, 1}
	if got := satisfying(entries, both, []string{"!=1.0"}); fmt.Sprint(got) != "[1]" {
		t.Errorf("short: %v, want [1]", got)
	}
	long := "!=1.0" + strings.Repeat(",!=1.0", maxSpecifier/6+1)
	if got := satisfying(entries, both, []string{long}); fmt.Sprint(got) != "[0 1]" {
		t.Errorf("long: %v, want [0 1]", got)
	}
}
