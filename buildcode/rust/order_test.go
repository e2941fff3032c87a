package rust_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/buildcode/rust"
)

// TestSameEachTime analyses imports that lead to one another and to more meanings
// than are kept: which are kept must not be left to chance.
func TestSameEachTime(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "pub use crate::m::n%d as n%d;\npub use std::s%d::{Y as n%d};\n", (i+37)%100, i, i, i)
	}
	b.WriteString("pub use std::net::TcpStream as n50;\npub use std::process::Command as n70;\nfn f() {\n")
	for i := range 100 {
		fmt.Fprintf(&b, "    crate::m::n%d::new(\"x\");\n", i)
	}
	b.WriteString("}\n")
	a := pack(t, []txtar.File{
		{Name: "Cargo.toml", Data: []byte("[package]\nname = \"a\"\nversion = \"1.0.0\"\n[lib]\nproc-macro = true\n")},
		{Name: "src/lib.rs", Data: []byte(b.String())},
	})
	first, err := rust.Analyse(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := rust.Analyse(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again, first) {
			t.Fatalf("another surface:\n%v\n%v", again.Uses, first.Uses)
		}
	}
}
