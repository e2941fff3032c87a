package locks_test

import (
	"fmt"
	"testing"

	"github.com/lockkeeper/lockkeeper/bench/locks"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
)

var sizes = []int{100, 1000, 10000}

// BenchmarkParse reads a file of each format; the sizes show whether time is
// linear.
func BenchmarkParse(b *testing.B) {
	for _, format := range formats.All {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", format, n), func(b *testing.B) {
				data := locks.Write(format, n, 1)
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if l, err := formats.Parse(format, "lock", data); err != nil || len(l.Entries) != n {
						b.Fatalf("%d entries, %v", len(l.Entries), err)
					}
				}
			})
		}
	}
}

// BenchmarkParseDiff reads both sides of a change of every twentieth package and
// compares them.
func BenchmarkParseDiff(b *testing.B) {
	for _, format := range formats.All {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", format, n), func(b *testing.B) {
				before, after := locks.Write(format, n, 1), locks.Write(format, n, 2)
				b.SetBytes(int64(len(before) + len(after)))
				b.ReportAllocs()
				for b.Loop() {
					old, err := formats.Parse(format, "lock", before)
					if err != nil {
						b.Fatal(err)
					}
					new, err := formats.Parse(format, "lock", after)
					if err != nil {
						b.Fatal(err)
					}
					if changes := lockfile.Diff(old, new); len(changes) != n/20 {
						b.Fatalf("%d changes, want %d", len(changes), n/20)
					}
				}
			})
		}
	}
}

// BenchmarkRoutes finds the shortest way to every package.
func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{200, 2000, 20000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l, err := formats.Parse(lockfile.Cargo, "Cargo.lock", locks.Write(lockfile.Cargo, n, 1))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				routes := l.Routes()
				for i := range l.Entries {
					if routes.To(i) == nil {
						b.Fatal("no way")
					}
				}
			}
		})
	}
}

// TestWrite: what is measured is what it says.
func TestWrite(t *testing.T) {
	for _, format := range formats.All {
		old, err := formats.Parse(format, "lock", locks.Write(format, 40, 1))
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		new, err := formats.Parse(format, "lock", locks.Write(format, 40, 2))
		if err != nil {
			t.Fatal(err)
		}
		if len(old.Entries) != 40 || len(lockfile.Diff(old, new)) != 2 {
			t.Errorf("%s: %d entries, %d changes", format, len(old.Entries), len(lockfile.Diff(old, new)))
		}
		for _, e := range old.Entries {
			if len(e.Files) == 0 || !e.Source.Public() {
				t.Fatalf("%s: %+v", format, e)
			}
		}
	}
}
