package scan_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/github/githubtest/forge"
	"github.com/lockkeeper/lockkeeper/scan"
)

const forgeHost = forge.Host

// newForge is a GitHub with the repositories of a test.
func newForge(t *testing.T) *forge.Forge {
	t.Helper()
	f, err := forge.New(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func load(t *testing.T, f *forge.Forge, files []txtar.File) *strings.Replacer {
	t.Helper()
	commits, err := f.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return commits
}

// public reads as somebody who has no part in any repository.
func public(t *testing.T, f *forge.Forge) scan.Repositories {
	t.Helper()
	p, err := f.Public()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
