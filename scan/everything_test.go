package scan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

const everything = `
-- registry.toml --
[crates."plain@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 one"
[crates."built@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:2 two"
-- crates/plain/1.0.0/src/lib.rs --
-- crates/built/1.0.0/Cargo.toml --
[package]
name = "built"
version = "1.0.0"
build = "build.rs"
-- crates/built/1.0.0/build.rs --
fn main() {}
`

// A look at everything that is locked asks who published a package only where code
// of it runs: crates.io answers one such request a second.
func TestOnlyPackagesWithCodeAreAskedFor(t *testing.T) {
	server, scanner := newScanner(t, []byte(everything))
	text, err := server.Expand("version = 4\n" + lockedCrate("built") + lockedCrate("plain"))
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	in := scan.Input{Base: memoryTree{}, Head: memoryTree{"Cargo.lock": []byte(text)}, OnlyWithCode: true}
	in.Progress = func(done, total int, what string) {
		steps = append(steps, fmt.Sprintf("%d/%d %s", done, total, what))
	}
	result, err := scanner.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]string{}
	for _, c := range result.Changes {
		who[c.Package.Name] = c.Publisher
	}
	if who["built"] != "user:2 (two)" || who["plain"] != "" {
		t.Errorf("publishers: %v; want that of built alone", who)
	}
	if n := server.Count(registrytest.Versions); n != 1 {
		t.Errorf("%d requests to the API; want 1", n)
	}
	if len(steps) != 4 || !strings.HasPrefix(steps[0], "0/2 ") || steps[0] == "0/2 " || steps[3] != "2/2 " {
		t.Errorf("progress was told as %q", steps)
	}
}

func lockedCrate(name string) string {
	return "[[package]]\nname = \"" + name + "\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:" + name + "@1.0.0}}\"\n"
}
