package rust_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
)

// seeds are the files of the cases in testdata, of one kind.
func seeds(f *testing.F, suffix string) {
	f.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			if strings.HasSuffix(file.Name, suffix) {
				f.Add(string(file.Data))
			}
		}
	}
}

// check analyses a crate twice and holds what must hold of every surface.
func check(t *testing.T, files []txtar.File) buildcode.Surface {
	t.Helper()
	a := pack(t, files)
	s, err := rust.Analyse(context.Background(), a)
	if err != nil {
		return s
	}
	again, err := rust.Analyse(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Errorf("not the same twice: %s", diff)
	}
	if s.Runs() != (s.Digest != "") || len(s.Uses) > buildcode.MaxUses {
		t.Errorf("runs %v, digest %q, %d uses", s.Runs(), s.Digest, len(s.Uses))
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back buildcode.Surface
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("changed by JSON: %s", diff)
	}
	return s
}

const fuzzManifest = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nbuild = \"build.rs\"\n\n[build-dependencies]\ncc = \"1\"\nquote = \"1\"\nlibc = \"0.2\"\nduct = \"1\"\n"

// FuzzAnalyse: whatever another module holds, the program that the build script
// starts is seen.
func FuzzAnalyse(f *testing.F) {
	seeds(f, ".rs")
	f.Fuzz(func(t *testing.T, code string) {
		if len(code) > 1<<14 {
			return
		}
		check(t, []txtar.File{{Name: "Cargo.toml", Data: []byte(fuzzManifest)}, {Name: "build.rs", Data: []byte(code)}})
		code = strings.TrimPrefix(code, "!hex ")
		s := check(t, []txtar.File{
			{Name: "Cargo.toml", Data: []byte(strings.Replace(fuzzManifest, "build.rs", "main.rs", 1))},
			{Name: "main.rs", Data: []byte("mod fuzzed;\nfn main() { ::std::process::Command::new(\"curl\"); }\n")},
			{Name: "fuzzed.rs", Data: []byte(code)},
		})
		for _, c := range s.Capabilities {
			if c == buildcode.Run("curl") {
				return
			}
		}
		t.Errorf("curl is not seen: %v", s.Capabilities)
	})
}

func FuzzManifest(f *testing.F) {
	seeds(f, "Cargo.toml")
	f.Fuzz(func(t *testing.T, manifest string) {
		check(t, []txtar.File{{Name: "Cargo.toml", Data: []byte(manifest)}, {Name: "build.rs"}, {Name: "src/lib.rs"}})
	})
}

// TestHostileSources are files that would be slow if anything in the analysis
// grew faster than its input, or was not bounded.
func TestHostileSources(t *testing.T) {
	const n = 8_000
	for name, code := range map[string]string{
		"brackets":   strings.Repeat("(", 10*n),
		"functions":  strings.Repeat("fn f(", n),
		"nested":     strings.Repeat("fn f(){", n),
		"let":        strings.Repeat("let a=", n),
		"match":      strings.Repeat("match ", n),
		"matches":    strings.Repeat("match a{b=>", n),
		"generics":   strings.Repeat("a::<", n),
		"modules":    strings.Repeat("mod m{", n),
		"paths":      strings.Repeat("#[path=\"p\"]mod m{", n),
		"use":        strings.Repeat("use {", n),
		"use groups": "use a::{" + strings.Repeat("b::{c,d},", n) + "};",
		"aliases":    strings.Repeat("use a as b;use b as a;use crate::b::a as c;use crate::c::b as a;", n/4) + "a::b::c();",
		"many names": func() string {
			var b strings.Builder
			for i := range n {
				b.WriteString("use crate::n" + strconv.Itoa(i) + " as n" + strconv.Itoa(i+1) + ";")
			}
			return b.String()
		}(),
		"commands":    "use std::process::Command;" + strings.Repeat("fn f(a:&str){f(a);Command::new(a);}", n/10),
		"calls":       "use std::process::Command;fn f(a:&str){Command::new(" + strings.Repeat("f(", n) + "a",
		"bindings":    "use std::process::Command;fn f(){" + strings.Repeat("let a=b;let b=a;", n/10) + strings.Repeat("Command::new(a);", n/10),
		"attributes":  strings.Repeat("#[cfg(test)]", n),
		"quotes":      "use quote::quote;" + strings.Repeat("quote!{", n),
		"impls":       strings.Repeat("impl<A for ", n),
		"env":         "use std::env::var;" + strings.Repeat("var(", n),
		"arrays":      strings.Repeat("[1,", n),
		"comments":    strings.Repeat("/*", n),
		"macro":       strings.Repeat("a!(", n),
		"one line":    strings.Repeat("std::env::vars();", n),
		"many lines":  strings.Repeat("std::env::vars();\n", n),
		"parameters":  "fn f(" + strings.Repeat("a:u8,", n) + "){std::process::Command::new(a);}" + strings.Repeat("f(a);", n),
		"structs":     strings.Repeat("struct a ", n),
		"macro_use":   strings.Repeat("#[macro_use]", n),
		"in brackets": strings.Repeat("#[", n),
		"handed":      "m!{" + strings.Repeat("include ", n) + "}",
		"variables":   "fn f(){" + strings.Repeat("a.env(\"CC\",", n),
		"compiled":    strings.Repeat("env!(", n),
		"files":       strings.Repeat("std::fs::read(", n),
		"climbing":    "fn f(){" + strings.Repeat("let a=a.parent();", n/4) + strings.Repeat("std::fs::write(a,b);", n/4),
		"long string": "fn f(){std::process::Command::new(\"" + strings.Repeat("a", 10*n) + "\");}",
	} {
		t.Run(name, func(t *testing.T) {
			check(t, []txtar.File{{Name: "Cargo.toml", Data: []byte(fuzzManifest)}, {Name: "build.rs", Data: []byte(code)}})
		})
	}
}

// FuzzMacro: whatever the build script of a procedural macro holds, of whatever
// edition, the program that the macro itself starts is seen.
func FuzzMacro(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for i, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			if strings.HasSuffix(file.Name, ".rs") {
				f.Add(string(file.Data), uint8(i))
			}
		}
	}
	editions := []string{`"2015"`, `"2018"`, `"2021"`, `"2024"`, "{ workspace = true }"}
	f.Fuzz(func(t *testing.T, code string, edition uint8) {
		if len(code) > 1<<14 {
			return
		}
		manifest := "[package]\nname = \"demo\"\nbuild = \"build.rs\"\nedition = " + editions[int(edition)%len(editions)] +
			"\n\n[lib]\nproc-macro = true\n\n[dependencies]\nquote = \"1\"\n\n[build-dependencies]\nquote = \"1\"\ncc = \"1\"\n"
		s := check(t, []txtar.File{
			{Name: "Cargo.toml", Data: []byte(manifest)},
			{Name: "build.rs", Data: []byte(strings.TrimPrefix(code, "!hex "))},
			{Name: "src/lib.rs", Data: []byte("mod fuzzed;\npub fn run() { ::std::process::Command::new(\"curl\"); }\n")},
			{Name: "src/fuzzed.rs", Data: []byte(strings.TrimPrefix(code, "!hex "))},
		})
		if !slices.Contains(s.Capabilities, buildcode.Run("curl")) {
			t.Errorf("curl is not seen: %v", s.Capabilities)
		}
	})
}
