package analysis_test

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/bench/analysis"
)

// maxHeap is the most memory that opening and analysing one archive may hold at a
// time, beside the archive as downloaded: what archive.Limits.Kept allows, and 128
// MiB for the analysis and its files of 4 MiB.
const maxHeap = (192 + 128) << 20

// peak is the most bytes of objects on the heap while do runs, above what was
// there before. It looks every millisecond.
func peak(do func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // else half of it is garbage
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := read()
	most := before
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			most = max(most, read())
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	do()
	close(done)
	<-stopped
	return most - before
}

func TestPromise6MemoryIsBounded(t *testing.T) {
	all, err := analysis.HostileShapes()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		t.Run(h.Name, func(t *testing.T) {
			digest := lockkeeper.Sum(h.Data)
			var err error
			used := peak(func() { _, err = h.Analyse(t.Context(), digest) })
			if h.Refused == "" && err != nil || h.Refused != "" && (err == nil || !strings.Contains(err.Error(), h.Refused)) {
				t.Errorf("got %v, want %q", err, h.Refused)
			}
			if used > maxHeap {
				t.Errorf("%d MiB of heap for an archive of %d bytes, want at most %d MiB", used>>20, len(h.Data), maxHeap>>20)
			}
		})
	}
}

// BenchmarkHostile reports what each costs.
func BenchmarkHostile(b *testing.B) {
	all, err := analysis.HostileShapes()
	if err != nil {
		b.Fatal(err)
	}
	for _, h := range all {
		b.Run(h.Name, func(b *testing.B) {
			digest := lockkeeper.Sum(h.Data)
			b.SetBytes(int64(len(h.Data)))
			b.ReportAllocs()
			var most uint64
			var used time.Duration
			for b.Loop() {
				start := cpu()
				most = max(most, peak(func() { _, _ = h.Analyse(b.Context(), digest) }))
				used += cpu() - start
			}
			b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s")
		})
	}
}
