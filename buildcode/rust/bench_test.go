package rust_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/buildcode/rust"
)

// BenchmarkAnalyse takes a procedural macro of 40 files and half a MiB, as large
// as most get. To compare: archive.BenchmarkOpen.
func BenchmarkAnalyse(b *testing.B) {
	item := `
/// Expands one field.
fn expand_%d(field: &Field, out: &mut Vec<TokenStream>) -> syn::Result<()> {
    let name = match &field.ident { Some(name) => name.to_string(), None => return Err(Error::new(field.span(), "unnamed")) };
    let ty = &field.ty;
    out.push(quote! { impl #name { fn get(&self) -> &#ty { std::mem::drop(self); &self.#name } } });
    Ok(())
}
`
	files := []txtar.File{{Name: "Cargo.toml", Data: []byte("[package]\nname = \"demo\"\nbuild = false\n[lib]\nproc-macro = true\n[dependencies]\nsyn = \"2\"\nquote = \"1\"\n")}}
	var lib strings.Builder
	size := 0
	for i := range 40 {
		fmt.Fprintf(&lib, "mod m%d;\n", i)
		var body strings.Builder
		body.WriteString("use quote::quote;\nuse syn::{self, Error, Field, spanned::Spanned};\nuse super::*;\nuse proc_macro2::TokenStream;\n")
		for j := range 30 {
			fmt.Fprintf(&body, item, j)
		}
		size += body.Len()
		files = append(files, txtar.File{Name: fmt.Sprintf("src/m%d.rs", i), Data: []byte(body.String())})
	}
	files = append(files, txtar.File{Name: "src/lib.rs", Data: []byte(lib.String())})
	a := pack(b, files)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if s, err := rust.Analyse(context.Background(), a); err != nil || s.Grave() {
			b.Fatal(s.Capabilities, err)
		}
	}
}
