package scan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// TestPromise3MoreLinksThanAreFollowedIsSaid: what is beyond a bound is a finding.
func TestPromise3MoreLinksThanAreFollowedIsSaid(t *testing.T) {
	_, scanner := newScanner(t, []byte(hidden))
	base, head := memoryTree{}, memoryTree{}
	for i := range 1001 {
		base[fmt.Sprintf("d/%d.txt", i)] = requirements("a 1.0")
		head[fmt.Sprintf("d/%d.txt", i)] = requirements("a 1.0")
	}
	for i := range 10 {
		head[fmt.Sprintf("x%d/requirements", i)] = []byte(linkMark + "../d")
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: head})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, f := range result.Findings {
		if f.Rule == policy.Unverified && f.Subject == "too many links to directories" {
			said = append(said, f.Lockfile)
		}
	}
	if len(said) != 1 || said[0] != "x9/requirements" {
		t.Errorf("said of %q, want of x9/requirements alone", said)
	}
}

// TestLongWaysAreCut: a chain that is longer than anybody reads keeps both ends.
func TestLongWaysAreCut(t *testing.T) {
	_, scanner := newScanner(t, []byte(hidden))
	result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: memoryTree{"Cargo.lock": chain(100)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Changes {
		if c.Package.Name != "a000000" {
			continue
		}
		got := strings.Join(c.Through, " ")
		if len(c.Through) != 25 || !strings.HasPrefix(got, "a000099 a000098 ") || !strings.Contains(got, " a000088 ... 75 more ... a000012 ") || !strings.HasSuffix(got, " a000001") {
			t.Errorf("comes in through %s", got)
		}
		return
	}
	t.Error("the last package of the chain is missing")
}

// BenchmarkHostile are lockfiles made to be slow.
func BenchmarkHostile(b *testing.B) {
	moved, movedTo := memoryTree{}, memoryTree{}
	var pins []string
	for i := range 1000 {
		pins = append(pins, fmt.Sprintf("p%d 1.0", i))
	}
	for i := range 100 {
		moved[fmt.Sprintf("a/%d/poetry.lock", i)] = poetryLock(pins...)
		movedTo[fmt.Sprintf("b/%d/poetry.lock", i)] = poetryLock(pins...)
	}
	linked := memoryTree{}
	for i := range 20_000 {
		linked[fmt.Sprintf("d/e/%d.txt", i)] = []byte("x")
	}
	for i := range 1000 {
		linked[fmt.Sprintf("x%d/requirements", i)] = []byte(linkMark + "../d")
		linked[fmt.Sprintf("y%d/.cargo", i)] = fmt.Appendf(nil, "%s../y%d/.cargo", linkMark, i+1)
	}
	for _, c := range []struct {
		name       string
		base, head memoryTree
	}{
		{"moves", moved, movedTo},
		{"links", memoryTree{}, linked},
		{"names alike", memoryTree{}, memoryTree{"Cargo.lock": alike(20_000)}},
		{"a chain", memoryTree{}, memoryTree{"Cargo.lock": chain(5000)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			_, scanner := newScanner(b, []byte(hidden))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := scanner.Run(b.Context(), scan.Input{Base: c.base, Head: c.head}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// alike is a Cargo.lock of packages whose names differ in case alone.
func alike(n int) []byte {
	var b strings.Builder
	b.WriteString("version = 4\n")
	for i := range n {
		name := []byte("aaaaaaaaaaaaaaaaaaaa")
		for bit := range name {
			if i>>bit&1 == 1 {
				name[bit] = 'A'
			}
		}
		fmt.Fprintf(&b, "[[package]]\nname = %q\nversion = \"1.0.0\"\n\n", name)
	}
	return []byte(b.String())
}

// chain is a Cargo.lock in which each package needs the one before it.
func chain(n int) []byte {
	var b strings.Builder
	b.WriteString("version = 4\n")
	for i := range n {
		fmt.Fprintf(&b, "[[package]]\nname = \"a%06d\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.invalid/index\"\nchecksum = \"%064d\"\n", i, i)
		if i > 0 {
			fmt.Fprintf(&b, "dependencies = [\"a%06d\"]\n", i-1)
		}
	}
	return []byte(b.String())
}
