package scan

import (
	"fmt"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

func TestLookAlikes(t *testing.T) {
	locked := &lockfile.Lockfile{}
	for _, name := range []string{"proc-macro2", "serde_json", "reqwest", "syn", "sha1", "sha2", "windows_x86_64_gnu", "windows_x86_64_msvc", "phf_macros", "phf_shared", "libcrypto"} {
		locked.Entries = append(locked.Entries, lockfile.Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name}})
	}
	alike := lookAlikesOf(locked, nil)
	for name, want := range map[string]string{
		"proc-macro1":         "is one letter away from proc-macro2",
		"proc_macro2":         "looks like proc-macro2",
		"serde-json":          "looks like serde_json",
		"serde_js0n":          "looks like serde_json",
		"seerde_json":         "is one letter away from serde_json",
		"sedre_json":          "is one letter away from serde_json",
		"reqwst":              "is one letter away from reqwest",
		"reqvvest":            "looks like reqwest",
		"1ibcrypto":           "looks like libcrypto",
		"sym":                 "",
		"sha2":                "",
		"proc-macro2":         "",
		"windows_x86_64_gnu":  "",
		"windows_x86_64_msvc": "",
		"phf_shared":          "",
		"serde":               "",
	} {
		if want != "" {
			want += ", another package of this lockfile"
		}
		if got := alike.like(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func BenchmarkLookAlikes(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		locked := &lockfile.Lockfile{}
		for i := range n {
			locked.Entries = append(locked.Entries, lockfile.Entry{Package: lockkeeper.Package{Name: fmt.Sprintf("package-number-%d", i*i)}})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				alike := lookAlikesOf(locked)
				for _, e := range locked.Entries {
					alike.like(e.Package.Name)
				}
			}
		})
	}
}
