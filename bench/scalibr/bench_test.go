// Package scalibr compares Lockkeeper's parsers with the extractors of
// google/osv-scalibr, which read the same files. It is a module of its own, so that
// what they need stays out of Lockkeeper's.
package scalibr

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	cpb "github.com/google/osv-scalibr/binary/proto/config_go_proto"
	"github.com/google/osv-scalibr/extractor/filesystem"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/pdmlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/pipfilelock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/poetrylock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/pylock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/requirements"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/uvlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/rust/cargolock"
	scalibrfs "github.com/google/osv-scalibr/fs"

	"github.com/lockkeeper/lockkeeper/bench/locks"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
)

var extractors = map[lockfile.Format]struct {
	file string
	make func(*cpb.PluginConfig) (filesystem.Extractor, error)
}{
	lockfile.Cargo:        {"Cargo.lock", cargolock.New},
	lockfile.Requirements: {"requirements.txt", requirements.New},
	lockfile.Poetry:       {"poetry.lock", poetrylock.New},
	lockfile.UV:           {"uv.lock", uvlock.New},
	lockfile.PDM:          {"pdm.lock", pdmlock.New},
	lockfile.Pipfile:      {"Pipfile.lock", pipfilelock.New},
	lockfile.Pylock:       {"pylock.toml", pylock.New},
}

// BenchmarkParse reads one file by both, as "FORMAT/SIZE/lockkeeper" and
// "FORMAT/SIZE/scalibr". Each must find every package.
func BenchmarkParse(b *testing.B) {
	for _, format := range formats.All {
		for _, n := range []int{100, 1000, 10000} {
			data := locks.Write(format, n, 1)
			of := extractors[format]
			b.Run(fmt.Sprintf("%s/%d/lockkeeper", format, n), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if l, err := formats.Parse(format, of.file, data); err != nil || len(l.Entries) != n {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%d/scalibr", format, n), func(b *testing.B) {
				extractor, err := of.make(&cpb.PluginConfig{})
				if err != nil {
					b.Fatal(err)
				}
				tree := fstest.MapFS{of.file: {Data: data}}
				info, err := fs.Stat(tree, of.file)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					input := &filesystem.ScanInput{FS: scalibrfs.FS(tree), Path: of.file, Info: info, Reader: bytes.NewReader(data)}
					found, err := extractor.Extract(context.Background(), input)
					if err != nil || len(found.Packages) != n {
						b.Fatalf("%d packages, %v", len(found.Packages), err)
					}
				}
			})
		}
	}
}
