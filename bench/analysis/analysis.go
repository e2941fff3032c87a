// Package analysis makes archives in the shapes that registries serve, unpacks
// them with the standard library alone, and analyses them as a scan does, so that
// the two can be timed beside each other. Hostile shapes show what memory they
// cost.
//
// The benchmarks take real archives as well: ./fetch DIR brings about sixty
// crates and thirty Python files with cargo and pip, and LOCKKEEPER_ARCHIVES=DIR
// names them.
package analysis

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/python"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Artifact is an archive as a registry would serve it.
type Artifact struct {
	Name string // of the file
	Kind registry.Kind
	Data []byte
}

// Load reads all crates, wheels and sdists of a directory.
func Load(dir string) ([]Artifact, error) {
	var all []Artifact
	for _, ending := range []struct {
		pattern string
		kind    registry.Kind
	}{
		{"*.crate", registry.Crate}, {"*.whl", registry.Wheel}, {"*.tar.gz", registry.Sdist}, {"*.zip", registry.Sdist}, {"*.tar.bz2", registry.Sdist},
	} {
		names, err := filepath.Glob(filepath.Join(dir, ending.pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			all = append(all, Artifact{Name: filepath.Base(name), Kind: ending.kind, Data: data})
		}
	}
	return all, nil
}

// Unpack expands the whole archive with the standard library and drops what
// comes out; it returns how many bytes that were.
func (a Artifact) Unpack() (int64, error) {
	if a.Kind == registry.Wheel || strings.HasSuffix(a.Name, ".zip") {
		return unpackZip(a.Data)
	}
	var r io.Reader = bytes.NewReader(a.Data)
	if strings.HasSuffix(a.Name, ".bz2") {
		r = bzip2.NewReader(r)
	} else {
		zr, err := gzip.NewReader(r)
		if err != nil {
			return 0, err
		}
		r = zr
	}
	total := int64(0)
	for tr := tar.NewReader(r); ; {
		if _, err := tr.Next(); err == io.EOF {
			return total, nil
		} else if err != nil {
			return total, err
		}
		n, err := io.Copy(io.Discard, tr)
		if total += n; err != nil {
			return total, err
		}
	}
}

func unpackZip(data []byte) (total int64, err error) {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			return total, err
		}
		n, err := io.Copy(io.Discard, rc)
		rc.Close()
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// Open is the first half of Analyse: digest and reading.
func (a Artifact) Open(ctx context.Context, digest lockkeeper.Digest) (*archive.Archive, error) {
	return archive.Open(ctx, a.Kind, a.Name, bytes.NewReader(a.Data), int64(len(a.Data)), digest, archive.Limits{})
}

// Analyse does what a scan does with an artifact that it has no facts about,
// fetching aside. digest is a.Data's.
func (a Artifact) Analyse(ctx context.Context, digest lockkeeper.Digest) (buildcode.Surface, error) {
	opened, err := a.Open(ctx, digest)
	if err != nil {
		return buildcode.Surface{}, err
	}
	switch a.Kind {
	case registry.Crate:
		return rust.Analyse(ctx, opened)
	case registry.Sdist:
		return python.AnalyseSdist(ctx, opened)
	case registry.Wheel:
		return python.AnalyseWheel(ctx, opened)
	}
	return buildcode.Surface{}, fmt.Errorf("a file of kind %q cannot be analysed", a.Kind)
}
