package archive_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

// source is a file of a tree with that content.
func source(path, content string) archive.Source {
	return archive.Source{Path: path, Size: int64(len(content)), Open: func() ([]byte, error) { return []byte(content), nil }}
}

func TestOpenTree(t *testing.T) {
	lost := archive.Source{Path: "src/lost", Size: 3, Open: func() ([]byte, error) { return nil, errors.New("no answer") }}
	long := archive.Source{Path: "src/long", Size: 3, Open: func() ([]byte, error) { return []byte("longer"), nil }}
	a, err := archive.OpenTree(t.Context(), registry.Crate, "x", []archive.Source{
		source("src/b", "two"), source("a", "one"), {Path: "link", Link: "leads to no file"}, lost, long,
	}, archive.Limits{File: 100})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range a.Files() {
		paths = append(paths, f.Path)
	}
	if got := strings.Join(paths, " "); got != "a link src/b src/long src/lost" {
		t.Errorf("files are %s", got)
	}
	if data, err := a.ReadFile("src/b"); err != nil || string(data) != "two" {
		t.Errorf("%q, %v", data, err)
	}
	if head, err := a.Head("a"); err != nil || string(head) != "one" {
		t.Errorf("%q, %v", head, err)
	}
	if sum, err := a.Sum("a"); err != nil || sum != lockkeeper.Sum([]byte("one")) {
		t.Errorf("%s, %v", sum, err)
	}
	if _, err := a.ReadFile("link"); !errors.Is(err, archive.ErrLink) {
		t.Errorf("the link: %v", err)
	}
	if _, err := a.ReadFile("src/lost"); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a file that is not to be had: %v", err)
	}
	if _, err := a.ReadFile("src/long"); err == nil {
		t.Error("a file longer than was said is read")
	}
}

func TestPromise6ATreeIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		sources []archive.Source
		limits  archive.Limits
	}{
		"entries":      {[]archive.Source{source("a", ""), source("b", "")}, archive.Limits{Entries: 1}},
		"depth":        {[]archive.Source{source("a/b/c", "")}, archive.Limits{Depth: 2}},
		"leads out":    {[]archive.Source{source("../a", "")}, archive.Limits{}},
		"absolute":     {[]archive.Source{source("/a", "")}, archive.Limits{}},
		"twice":        {[]archive.Source{source("a", ""), source("a", "")}, archive.Limits{}},
		"beneath":      {[]archive.Source{source("a", ""), source("a/b", "")}, archive.Limits{}},
		"unknown size": {[]archive.Source{{Path: "a", Size: -1}}, archive.Limits{}},
	} {
		if _, err := archive.OpenTree(t.Context(), registry.Sdist, "x", test.sources, test.limits); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	a, err := archive.OpenTree(t.Context(), registry.Sdist, "x", []archive.Source{source("a", "12345")}, archive.Limits{File: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadFile("a"); !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
}
