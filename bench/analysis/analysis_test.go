package analysis_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/bench/analysis"
	"github.com/lockkeeper/lockkeeper/registry"
)

func shapes(tb testing.TB) []analysis.Artifact {
	tb.Helper()
	all, err := analysis.Shapes()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// round does one thing with one artifact.
type round func(a analysis.Artifact, digest lockkeeper.Digest) error

// BenchmarkCold times analysis against unpacking, by processor time, in turns and by the fastest
// round of each, so that a busy machine tells the same. The target is at most
// 2 x/unpack.
func BenchmarkCold(b *testing.B) {
	for _, a := range shapes(b) {
		b.Run(a.Name, func(b *testing.B) { compare(b, []analysis.Artifact{a}) })
	}
}

// BenchmarkColdReal does so with the archives in LOCKKEEPER_ARCHIVES, and lists
// those with the worst ratio.
func BenchmarkColdReal(b *testing.B) {
	dir := os.Getenv("LOCKKEEPER_ARCHIVES")
	if dir == "" {
		b.Log("LOCKKEEPER_ARCHIVES names no directory of archives; see ./fetch")
		return
	}
	all, err := analysis.Load(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range []registry.Kind{registry.Crate, registry.Sdist, registry.Wheel} {
		some := slices.DeleteFunc(slices.Clone(all), func(a analysis.Artifact) bool { return a.Kind != kind })
		b.Run(string(kind), func(b *testing.B) { compare(b, some) })
	}
}

func compare(b *testing.B, all []analysis.Artifact) {
	digests := make([]lockkeeper.Digest, len(all))
	var bytes int64
	for i, a := range all {
		digests[i] = lockkeeper.Sum(a.Data)
		n, err := a.Unpack()
		if err != nil {
			b.Fatalf("%s: %v", a.Name, err)
		}
		bytes += n
	}
	kinds := []struct {
		name string
		do   round
	}{
		{"unpack", func(a analysis.Artifact, _ lockkeeper.Digest) error { _, err := a.Unpack(); return err }},
		{"open", func(a analysis.Artifact, d lockkeeper.Digest) error { _, err := a.Open(b.Context(), d); return err }},
		{"analyse", func(a analysis.Artifact, d lockkeeper.Digest) error { _, err := a.Analyse(b.Context(), d); return err }},
	}
	fastest := make([][3]time.Duration, len(all))
	b.SetBytes(bytes)
	b.ReportAllocs()
	for first := true; b.Loop(); first = false {
		for i, a := range all {
			for k, kind := range kinds {
				start := cpu()
				if err := kind.do(a, digests[i]); err != nil {
					b.Fatalf("%s %s: %v", kind.name, a.Name, err)
				}
				if took := cpu() - start; first || took < fastest[i][k] {
					fastest[i][k] = took
				}
			}
		}
	}
	var total [3]time.Duration
	for _, times := range fastest {
		for k := range total {
			total[k] += times[k]
		}
	}
	for k, kind := range kinds {
		b.ReportMetric(float64(total[k].Microseconds())/1000, kind.name+"-ms")
	}
	b.ReportMetric(float64(total[1])/float64(total[0]), "open/unpack")
	b.ReportMetric(float64(total[2])/float64(total[0]), "x/unpack")
	if len(all) > 1 {
		order := make([]int, len(all))
		for i := range order {
			order[i] = i
		}
		ratio := func(i int) float64 { return float64(fastest[i][2]) / float64(fastest[i][0]) }
		slices.SortFunc(order, func(x, y int) int { return int(1000 * (ratio(y) - ratio(x))) })
		for _, i := range order[:min(10, len(order))] {
			b.Logf("%5.1f x  %-60s unpack %v, open %v, analyse %v", ratio(i), all[i].Name, fastest[i][0], fastest[i][1], fastest[i][2])
		}
	}
}
