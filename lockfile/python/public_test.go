package python

import (
	"testing"
)

// Tools write the default index out; it is still the public registry. One that
// only resembles it is not.
func TestPublicIndexWrittenOut(t *testing.T) {
	const public = "https://" + publicHost + publicPath
	for address, want := range map[string]bool{
		public:                              true,
		public + "/":                        true,
		"http" + public[5:]:                 false,
		public + "/extra":                   false,
		public + ".example.invalid":         false,
		"https://user@" + public[8:]:        false,
		"https://example.invalid":           false,
		"https://example.invalid/" + public: false,
	} {
		l, err := ParseRequirements("requirements.txt", []byte("--index-url "+address+"\na==1.0\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Entries[0].Source; got.Public() != want {
			t.Errorf("--index-url %s: source %v, public want %t", address, got, want)
		}
		l, err = ParsePoetry("poetry.lock", []byte("[[package]]\nname = \"a\"\nversion = \"1.0\"\n[package.source]\ntype = \"legacy\"\nurl = \""+address+"\"\n[metadata]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Entries[0].Source; got.Public() != want {
			t.Errorf("legacy source %s: %v, public want %t", address, got, want)
		}
	}
}

// TestPoetryLooksSourcesUpByName: of PyPI's address, only what has PyPI's name, or
// none, is PyPI.
func TestPoetryLooksSourcesUpByName(t *testing.T) {
	for name, want := range map[string]bool{"PyPI": true, "pypi": true, "": true, "corp": false} {
		l, err := ParsePoetry("poetry.lock", []byte("[[package]]\nname = \"a\"\nversion = \"1.0\"\n[package.source]\ntype = \"legacy\"\nurl = \"https://"+
			publicHost+publicPath+"\"\nreference = \""+name+"\"\n[metadata]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Entries[0].Source; got.Public() != want || !want && got.Reference != name {
			t.Errorf("reference %q: %v, public want %t", name, got, want)
		}
	}
}
