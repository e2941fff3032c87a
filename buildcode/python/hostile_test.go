package python_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/registry"
)

func setupPy(t *testing.T, source string) buildcode.Surface {
	t.Helper()
	return analyseOnce(t, registry.Sdist, []txtar.File{{Name: "setup.py", Data: []byte(source)}})
}

// TestHostile: sources made to exhaust a recursive parser come to an end, and are
// not taken for harmless.
func TestHostile(t *testing.T) {
	const n = 200_000
	for name, source := range map[string]string{
		"minus":       strings.Repeat("-", n),
		"not":         strings.Repeat("not ", n),
		"power":       strings.Repeat("a**", n),
		"conditional": strings.Repeat("a if b else ", n),
		"lambda":      strings.Repeat("lambda:", n),
		"brackets":    strings.Repeat("(", n),
		"f-strings":   strings.Repeat(`f"{`, n),
		"tokens":      strings.Repeat("a.b;", n),
		"calls":       "f" + strings.Repeat("()", 3*n),
		"backquotes":  "import os\nos.system('''" + strings.Repeat("`$(", n) + "''')",
	} {
		if s := setupPy(t, source); !s.Grave() || !s.Has(buildcode.SetupScript) {
			t.Errorf("%s: kinds %v, capabilities %v; want unanalysed", name, s.Kinds, s.Capabilities)
		}
	}
}

// TestDeep: what Python itself accepts is read to the bottom.
func TestDeep(t *testing.T) {
	source := strings.Repeat("(", 90) + "__import__('os').system('make')" + strings.Repeat(")", 90) + "\n" + strings.Repeat("async ", 1000) + "\n"
	if got, want := setupPy(t, source).Capabilities, []buildcode.Capability{"run:make"}; !slices.Equal(got, want) {
		t.Errorf("capabilities %v, want %v", got, want)
	}
}

// TestChains: names that hand on a module in the wrong order, one step a pass.
func TestChains(t *testing.T) {
	var b strings.Builder
	const n = 30
	for i := range n {
		b.WriteString("def f" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + "():\n    return f" + string(rune('a'+(i+1)%26)) + strings.Repeat("x", (i+1)/26) + "()\n")
	}
	b.WriteString("import os\ndef f" + string(rune('a'+n%26)) + strings.Repeat("x", n/26) + "():\n    return os\nfa().popen('curl x')\n")
	if got := setupPy(t, b.String()).Capabilities; !slices.Contains(got, buildcode.Run("curl")) {
		t.Errorf("capabilities %v", got)
	}
}
