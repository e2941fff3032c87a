package buildcode_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// surface is a build script of the given files, "path", "content", ...
func surface(facts []string, files ...string) *buildcode.Surface {
	s := &buildcode.Surface{Kinds: []buildcode.Kind{buildcode.BuildScript}, Facts: facts}
	for i := 0; i < len(files); i += 2 {
		s.Files = append(s.Files, buildcode.NewFile(files[i], []byte(files[i+1])))
	}
	s.Seal()
	return s
}

func TestCompare(t *testing.T) {
	old := surface([]string{"links = z"}, "a.rs", "a", "b.rs", "b", "c.rs", "c")
	new := surface([]string{"links = z"}, "b.rs", "B", "c.rs", "c", "d.rs", "d")
	new.Capabilities = []buildcode.Capability{buildcode.Network}
	want := buildcode.Comparison{
		Added: []string{"d.rs"}, Removed: []string{"a.rs"}, Changed: []string{"b.rs"},
		Gained: []buildcode.Capability{buildcode.Network},
	}
	if diff := cmp.Diff(want, buildcode.Compare(old, new)); diff != "" {
		t.Error(diff)
	}
	if c := buildcode.Compare(old, old); !c.Same() {
		t.Errorf("same surface: %+v", c)
	}
	if c := buildcode.Compare(nil, nil); !c.Same() {
		t.Errorf("nothing: %+v", c)
	}
	if c := buildcode.Compare(nil, old); len(c.Added) != 3 || !c.Facts {
		t.Errorf("from nothing: %+v", c)
	}
	if c := buildcode.Compare(old, surface(nil, "a.rs", "a", "b.rs", "b", "c.rs", "c")); c.Same() {
		t.Error("facts changed and nothing is said")
	}
}

func TestDiff(t *testing.T) {
	old := surface([]string{"links = z"}, "build.rs", "one\ntwo\nthree", "gone.rs", "x\n", "blob", "\x00")
	new := surface([]string{"build-dependency cc", "links = z"}, "build.rs", "one\n2\nthree\n", "blob", "\x00\x00", "odd\n+++ b/fake", "", "big", strings.Repeat("x", buildcode.MaxText+1))
	want := `--- a/[manifest]
+++ b/[manifest]
@@ -1,1 +1,2 @@
+build-dependency cc
 links = z
--- /dev/null
+++ b/big
binary file changed
--- a/blob
+++ b/blob
binary file changed
--- a/build.rs
+++ b/build.rs
@@ -1,3 +1,3 @@
 one
-two
-three
\ No newline at end of file
+2
+three
--- a/gone.rs
+++ /dev/null
@@ -1,1 +0,0 @@
-x
--- /dev/null
+++ "b/odd\n+++ b/fake"
`
	text, inserted, deleted := buildcode.Diff(old, new, 1<<20)
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	if inserted != 3 || deleted != 3 {
		t.Errorf("%d inserted, %d deleted", inserted, deleted)
	}
	if text, _, _ := buildcode.Diff(nil, surface([]string{"links = z\n--- a/x"}), 1<<20); strings.Contains(text, "\n--- a/x") {
		t.Errorf("a fact passes for a line: %q", text)
	}
	if text, inserted, deleted := buildcode.Diff(new, new, 1<<20); text != "" || inserted+deleted != 0 {
		t.Errorf("same: %q, %d, %d", text, inserted, deleted)
	}
	if _, inserted, deleted := buildcode.Diff(nil, new, 1<<20); inserted != 5 || deleted != 0 {
		t.Errorf("all new: %d, %d", inserted, deleted)
	}
}

// TestDiffSaysWhereItIs: the lines of each hunk stand where its head says, also after
// hunks with several changes.
func TestDiffSaysWhereItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"a", "b", "c"})
		old := rapid.SliceOfN(line, 0, 80).Draw(t, "old")
		new := slices.Clone(old)
		for range rapid.IntRange(0, 6).Draw(t, "edits") {
			at := rapid.IntRange(0, len(new)).Draw(t, "at")
			until := min(len(new), at+rapid.IntRange(0, 2).Draw(t, "gone"))
			new = slices.Replace(new, at, until, rapid.SliceOfN(line, 0, 2).Draw(t, "come")...)
		}
		file := func(lines []string) *buildcode.Surface {
			return surface(nil, "build.rs", strings.Join(append(lines, ""), "\n"))
		}
		diff, _, _ := buildcode.Diff(file(old), file(new), 1<<20)
		var oldAt, newAt int
		for _, line := range strings.Split(strings.TrimSuffix(diff, "\n"), "\n") {
			switch {
			case strings.HasPrefix(line, "@@"):
				var from, to int
				if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &oldAt, &from, &newAt, &to); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				if from == 0 {
					oldAt++
				}
				if to == 0 {
					newAt++
				}
			case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"), line == "":
			default:
				if line[0] != '+' {
					if got := old[oldAt-1]; got != line[1:] {
						t.Fatalf("old line %d is %q, the diff says %q:\n%s", oldAt, got, line[1:], diff)
					}
					oldAt++
				}
				if line[0] != '-' {
					if got := new[newAt-1]; got != line[1:] {
						t.Fatalf("new line %d is %q, the diff says %q:\n%s", newAt, got, line[1:], diff)
					}
					newAt++
				}
			}
		}
	})
}

func TestDiffIsBounded(t *testing.T) {
	var long strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	text, inserted, _ := buildcode.Diff(nil, surface(nil, "build.rs", long.String()), 200)
	if len(text) > 300 || !strings.HasSuffix(text, " more lines\n") {
		t.Errorf("%q", text)
	}
	if inserted != 1000 {
		t.Errorf("%d inserted", inserted)
	}
	// Every second of very many short lines changed.
	other := strings.Repeat("a\nb\n", buildcode.MaxText/8)
	_, inserted, deleted := buildcode.Diff(surface(nil, "x", other), surface(nil, "x", strings.ReplaceAll(other, "b", "c")), 1000)
	if inserted != deleted || inserted < buildcode.MaxText/8 {
		t.Errorf("%d inserted, %d deleted", inserted, deleted)
	}
}

func TestSurfaceSurvivesJSON(t *testing.T) {
	s := surface([]string{"links = z"}, "build.rs", "fn main() {}\n", "blob", "\xff\x00", "empty", "")
	s.Dependencies = []string{"cc"}
	s.Partial = true
	s.Uses = []buildcode.Use{{Capability: buildcode.Network, Path: "build.rs", Line: 3, Text: "a\xffb" + strings.Repeat("é", 200)}}
	s.Seal()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back buildcode.Surface
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*s, back); diff != "" {
		t.Error(diff)
	}
	back.Seal()
	if diff := cmp.Diff(*s, back); diff != "" {
		t.Errorf("sealed again: %s", diff)
	}
}

func TestSealKeepsEvidenceOfEveryCapability(t *testing.T) {
	s := surface(nil, "build.rs", "x")
	for i := range 1000 {
		s.Uses = append(s.Uses, buildcode.Use{Capability: buildcode.ReadEnv, Path: "a.rs", Line: i})
	}
	s.Uses = append(s.Uses, buildcode.Use{Capability: buildcode.Network, Path: "z.rs", Line: 1})
	s.Seal()
	if len(s.Uses) != buildcode.MaxUses {
		t.Errorf("%d uses", len(s.Uses))
	}
	if s.Uses[len(s.Uses)-1].Capability != buildcode.Network {
		t.Error("the grave use was cut")
	}
	if !slices.Equal(s.Capabilities, []buildcode.Capability{buildcode.Network, buildcode.ReadEnv}) {
		t.Errorf("%v", s.Capabilities)
	}
}

func TestSealDigest(t *testing.T) {
	base := surface([]string{"links = z"}, "build.rs", "x", "m.rs", "y")
	same := surface([]string{"links = z", "links = z"}, "m.rs", "y", "build.rs", "x")
	if base.Digest != same.Digest {
		t.Error("order changes the digest")
	}
	for _, other := range []*buildcode.Surface{
		surface([]string{"links = y"}, "build.rs", "x", "m.rs", "y"),
		surface([]string{"links = z"}, "build.rs", "x", "m.rs", "z"),
		surface([]string{"links = z"}, "build.rs", "x", "n.rs", "y"),
		surface([]string{"links = z"}, "build.rs", "x"),
	} {
		if other.Digest == base.Digest {
			t.Errorf("same digest: %+v", other)
		}
	}
	nothing := buildcode.Surface{Files: base.Files, Facts: base.Facts}
	nothing.Seal()
	if nothing.Digest != "" || nothing.Runs() || len(nothing.Files) > 0 {
		t.Errorf("nothing runs: %+v", nothing)
	}
}

func TestExecutable(t *testing.T) {
	pe := make([]byte, 128)
	copy(pe, "MZ")
	pe[60] = 64
	copy(pe[64:], "PE\x00\x00")
	tests := map[string]string{
		"":                                        "",
		"\x7fELF\x02\x01\x01":                     "ELF",
		string(pe):                                "PE",
		"MZ is how this text begins":              "",
		"MZ" + strings.Repeat("text ", 20):        "",
		"\xcf\xfa\xed\xfe\x07\x00\x00\x01":        "Mach-O",
		"\xca\xfe\xba\xbe\x00\x00\x00\x02":        "Mach-O",
		"\xca\xfe\xba\xbe\x00\x00\x00\x34":        "", // a Java class
		"\x00asm\x01\x00\x00\x00":                 "WebAssembly",
		"#!/bin/sh\n":                             "",
		"!<arch>\nlibrary":                        "",
		"MZ" + strings.Repeat("\x00\xff", 40):     "PE", // its header lies beyond the head
		"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00": "",
	}
	for head, want := range tests {
		if got := buildcode.Executable([]byte(head)); got != want {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
	}
}

func TestGrave(t *testing.T) {
	for capability, want := range map[buildcode.Capability]bool{
		buildcode.Compile: false, buildcode.Run("rustc"): false, buildcode.Run("curl"): true, buildcode.Run("sh"): true, buildcode.Run("curl-config"): false, buildcode.Run("./x-config"): true,
		buildcode.RunUnknown: true, buildcode.Network: true, buildcode.Home: true, buildcode.Unanalysed: true,
	} {
		if capability.Grave() != want {
			t.Errorf("%s: %v", capability, !want)
		}
	}
}
