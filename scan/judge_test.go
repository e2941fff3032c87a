package scan_test

import (
	"fmt"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/scan"
)

// TestPromise4ACommitIsSignedWhole: two commits that begin alike are cheap to make,
// and one commit holds different code in different directories.
func TestPromise4ACommitIsSignedWhole(t *testing.T) {
	const start = "0123456789abcdef0123456789abcdef012345"
	lock := func(query, end string) memoryTree {
		return memoryTree{"Cargo.lock": fmt.Appendf(nil,
			"version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://git.invalid/a%s#%s%s\"\n", query, start, end)}
	}
	registry := memoryTree{"Cargo.lock": fmt.Appendf(nil,
		"version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.invalid/index\"\nchecksum = %q\n", lockkeeper.Sum(nil).Hex())}
	for name, base := range map[string]memoryTree{"added": {}, "moved": registry} {
		signed := map[lockkeeper.Digest]string{}
		for _, head := range []memoryTree{lock("", "00"), lock("", "01"), lock("?branch=b", "00")} {
			_, scanner := newScanner(t, []byte(hidden))
			result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: head})
			if err != nil || len(result.Findings) == 0 {
				t.Fatalf("%+v, %v", result, err)
			}
			for _, f := range result.Findings {
				if before, ok := signed[f.Digest()]; ok {
					t.Errorf("%s: a sign-off for %q holds for %q", name, before, head["Cargo.lock"])
				}
				signed[f.Digest()] = string(head["Cargo.lock"])
			}
		}
	}
}
