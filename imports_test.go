package lockkeeper_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lockkeeper/lockkeeper"

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages lists this module's packages with what they import, tests left out.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// layers is the direction of imports, the lowest first. A package may import
// those below it and those of its own layer.
var layers = [][]string{
	{"", "docs"},
	{"lockfile", "registry", "config", "stage"},
	{"archive", "buildcode"},
	{"allowlist"},
	{"policy"},
	{"scan"},
	{"report", "store", "gitrepo", "github", "replay"},
	{"queue", "metrics", "tracing"},
	{"server"},
	{"cmd", "bench", "scripts"},
}

func layerOf(path string) int {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, module), "/"), "/")
	for i, layer := range layers {
		if slices.Contains(layer, name) {
			return i
		}
	}
	return -1
}

func TestImportsFollowTheData(t *testing.T) {
	for _, p := range packages(t) {
		from := layerOf(p.ImportPath)
		if from < 0 {
			t.Errorf("%s has no place in the house: give it one in layers", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, module) && layerOf(imported) > from {
				t.Errorf("%s imports %s, which lies above it", p.ImportPath, imported)
			}
		}
	}
}

// TestDecidingReachesNothing keeps what parses, analyses and decides away from
// network, database, processes and GitHub.
func TestDecidingReachesNothing(t *testing.T) {
	pure := []string{"lockfile", "buildcode", "allowlist", "policy", "archive", "report"}
	forbidden := []string{"net/http", "net", "os/exec", "database/sql", "github.com/google/go-github", "github.com/sigstore", "github.com/riverqueue", "github.com/jackc", "modernc.org/sqlite", module + "/github", module + "/store"}
	for _, p := range packages(t) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/"), "/")
		if !slices.Contains(pure, name) {
			continue
		}
		for _, dep := range p.Deps {
			for _, f := range forbidden {
				if dep == f || f != "net" && strings.HasPrefix(dep, f+"/") {
					t.Errorf("%s reaches %s", p.ImportPath, dep)
				}
			}
		}
	}
}

// TestOnlyProvenanceKnowsSigstore: the library reaches the network, to fetch trust
// roots, so that one package alone imports it, and of that package's own imports
// none can fetch.
func TestOnlyProvenanceKnowsSigstore(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			provenance := p.ImportPath == module+"/registry/provenance"
			if strings.HasPrefix(imported, "github.com/sigstore/") && !provenance {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
			if provenance && (imported == "net" || strings.HasPrefix(imported, "net/") || strings.HasSuffix(imported, "/tuf")) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// TestOnlyTheQueueKnowsRiver: the engine of jobs is one package's business.
func TestOnlyTheQueueKnowsRiver(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/riverqueue/") && p.ImportPath != module+"/queue" {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}
