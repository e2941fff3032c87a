package analysis_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/bench/analysis"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

// facts in memory.
type facts struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (f *facts) Fact(_ context.Context, key string) ([]byte, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, ok := f.values[key]
	return value, ok, nil
}

func (f *facts) PutFact(_ context.Context, key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[key] = value
	return nil
}

// unlimited is a rate budget for a registry of our own.
type unlimited struct{}

func (unlimited) Wait(context.Context) error { return nil }

// oneFile is a revision of a single lockfile.
type oneFile []byte

func (o oneFile) Files(context.Context) ([]lockkeeper.TreeFile, error) {
	return []lockkeeper.TreeFile{{Path: "Cargo.lock", Blob: string(lockkeeper.Sum(o)), Mode: lockkeeper.Regular, Size: int64(len(o))}}, nil
}

func (o oneFile) Read(context.Context, lockkeeper.TreeFile, int64) ([]byte, error) { return o, nil }

// BenchmarkFacts scans a change of fifty crates with build scripts, each to its
// next release: with nothing known, and with everything known.
func BenchmarkFacts(b *testing.B) {
	const crates = 50
	server := registrytest.New()
	var locks [2]strings.Builder
	for v := range locks {
		locks[v].WriteString("version = 4\n")
		for i := range crates {
			name, version := fmt.Sprintf("crate%d", i), fmt.Sprintf("1.0.%d", v)
			digest := addCrate(b, server, name, version)
			fmt.Fprintf(&locks[v], "\n[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = %q\n", name, version, digest.Hex())
		}
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	client, err := cratesio.New(cratesio.Config{Index: server.Index(), Static: server.Static(), API: server.API(), Budget: unlimited{},
		Fetch: fetch.Config{CacheDir: b.TempDir(), Contact: "test@example.invalid"}})
	if err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, known *facts) {
		scanner := &scan.Scanner{Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: client}, Facts: known}
		result, err := scanner.Run(b.Context(), scan.Input{Base: oneFile(locks[0].String()), Head: oneFile(locks[1].String())})
		if err != nil {
			b.Fatal(err)
		}
		if len(result.Changes) != crates {
			b.Fatalf("%d changes, want %d", len(result.Changes), crates)
		}
	}
	measure := func(name string, next func() *facts) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, next())
			start := cpu()
			for b.Loop() {
				run(b, next())
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/1000/float64(b.N)/crates, "cpu-ms/change")
		})
	}
	measure("cold", func() *facts { return &facts{values: map[string][]byte{}} })
	known := &facts{values: map[string][]byte{}}
	measure("known", func() *facts { return known })
}

func addCrate(b *testing.B, server *registrytest.Server, name, version string) lockkeeper.Digest {
	b.Helper()
	data, err := analysis.ScriptCrate(name, version)
	if err != nil {
		b.Fatal(err)
	}
	if err := server.AddCrate(registrytest.Crate{Name: name, Version: version, Data: data}); err != nil {
		b.Fatal(err)
	}
	return lockkeeper.Sum(data)
}
