package python

import (
	"fmt"
	"testing"
)

// pipenv writes the default index out as the first source.
func TestPipfilePublicSource(t *testing.T) {
	const lock = `{"_meta": {"pipfile-spec": 6, "sources": [{"name": "pypi", "url": %q, "verify_ssl": true}]},
		"default": {"a": {"version": "==1.0"}, "b": {"index": "pypi", "version": "==1.0"}}}`
	for address, want := range map[string]bool{
		"https://" + publicHost + publicPath:       true,
		"https://" + publicHost + publicPath + "/": true,
		"http://" + publicHost + publicPath:        false,
		"https://${U}@" + publicHost + publicPath:  false,
	} {
		l, err := ParsePipfile("Pipfile.lock", fmt.Appendf(nil, lock, address))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries {
			if e.Source.Public() != want {
				t.Errorf("source %s of %s: %v, public want %t", address, e.Package.Name, e.Source, want)
			}
		}
	}
}
