package scan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/scan"
)

// requirements and poetryLock pin "name version" pairs, with a digest of both.
func requirements(pins ...string) []byte {
	var b strings.Builder
	for _, pin := range pins {
		fmt.Fprintf(&b, "%s --hash=%s\n", strings.Replace(pin, " ", "==", 1), lockkeeper.Sum([]byte(pin)))
	}
	return []byte(b.String())
}

func poetryLock(pins ...string) []byte {
	var b strings.Builder
	for _, pin := range pins {
		name, version, _ := strings.Cut(pin, " ")
		fmt.Fprintf(&b, "[[package]]\nname = %q\nversion = %q\nfiles = [{file = \"x.whl\", hash = %q}]\n\n", name, version, lockkeeper.Sum([]byte(pin)))
	}
	b.WriteString("[metadata]\nlock-version = \"2.1\"\n")
	return []byte(b.String())
}

func TestLockfilesThatMove(t *testing.T) {
	for name, test := range map[string]struct {
		base, head memoryTree
		want       []string
	}{
		"renamed": {
			memoryTree{"requirements.txt": requirements("a 1.0", "b 1.0")},
			memoryTree{"requirements-dev.txt": requirements("a 1.0", "b 1.0")},
			[]string{"requirements-dev.txt was requirements.txt"},
		},
		"moved and edited": {
			memoryTree{"old/poetry.lock": poetryLock("a 1.0", "b 1.0", "c 1.0")},
			memoryTree{"new/poetry.lock": poetryLock("a 1.0", "b 1.1", "d 1.0")},
			[]string{"new/poetry.lock was old/poetry.lock", "updated b 1.0 > 1.1", "removed c 1.0 >", "added d  > 1.0"},
		},
		"another format": {
			memoryTree{"requirements.txt": requirements("a 1.0", "b 1.0")},
			memoryTree{"poetry.lock": poetryLock("a 1.0", "b 1.2", "c 1.0")},
			[]string{"poetry.lock was requirements.txt", "updated b 1.0 > 1.2", "added c  > 1.0"},
		},
		"two at once": {
			memoryTree{"x/poetry.lock": poetryLock("a 1.0", "b 1.0"), "y/poetry.lock": poetryLock("a 1.0", "c 1.0")},
			memoryTree{"v/poetry.lock": poetryLock("a 1.0", "c 2.0"), "w/poetry.lock": poetryLock("a 1.0", "b 2.0")},
			[]string{"v/poetry.lock was y/poetry.lock", "updated c 1.0 > 2.0", "w/poetry.lock was x/poetry.lock", "updated b 1.0 > 2.0"},
		},
		"nothing in common": {
			memoryTree{"requirements.txt": requirements("a 1.0", "b 1.0")},
			memoryTree{"poetry.lock": poetryLock("c 1.0", "d 1.0")},
			[]string{"poetry.lock", "added c  > 1.0", "added d  > 1.0", "requirements.txt", "removed a 1.0 >", "removed b 1.0 >"},
		},
		"another ecosystem": {
			memoryTree{"requirements.txt": requirements("a 1.0")},
			memoryTree{"Cargo.lock": []byte("version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n")},
			[]string{"Cargo.lock", "added a  > 1.0.0", "requirements.txt", "removed a 1.0 >"},
		},
		"copied": {
			memoryTree{"requirements.txt": requirements("a 1.0")},
			memoryTree{"requirements.txt": requirements("a 1.0"), "requirements-dev.txt": requirements("a 1.0")},
			[]string{"requirements-dev.txt", "added a  > 1.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, scanner := newScanner(t, []byte(hidden))
			result, err := scanner.Run(t.Context(), scan.Input{Base: test.base, Head: test.head})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range result.Lockfiles {
				line := l.Path
				if l.Replaces != "" {
					line += " was " + l.Replaces
				}
				got = append(got, line)
				for _, c := range result.Changes {
					if c.Lockfile == l.Path {
						to := c.Package.Version
						if c.Kind == "removed" {
							to = ""
						}
						got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s > %s", c.Kind, c.Package.Name, c.From, to)))
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPromise3NothingHidesBehindALink: a link or a submodule where a lockfile is
// expected, above it, or behind its name.
func TestPromise3NothingHidesBehindALink(t *testing.T) {
	lock := requirements("a 1.0")
	for name, test := range map[string]struct {
		base, head memoryTree
		want       []string // "lockfile rule"
	}{
		"the file becomes a link": {
			memoryTree{"requirements.txt": lock}, memoryTree{"requirements.txt": []byte(linkMark + "../elsewhere")},
			[]string{"requirements.txt unverified"},
		},
		"the file becomes a submodule": {
			memoryTree{"requirements.txt": lock}, memoryTree{"requirements.txt": []byte(moduleMark)},
			[]string{"requirements.txt unverified"},
		},
		"its directory becomes a link": {
			memoryTree{"a/b/requirements.txt": lock}, memoryTree{"a": []byte(linkMark + "elsewhere")},
			[]string{"a/b/requirements.txt unverified"},
		},
		"its directory becomes a submodule": {
			memoryTree{"a/b/requirements.txt": lock}, memoryTree{"a/b": []byte(moduleMark)},
			[]string{"a/b/requirements.txt unverified"},
		},
		"a change behind a link": {
			memoryTree{"requirements.txt": []byte(linkMark + "deps/list"), "deps/list": lock},
			memoryTree{"requirements.txt": []byte(linkMark + "deps/list"), "deps/list": requirements("evil 1.0")},
			[]string{"deps/list release-missing"},
		},
		"a change behind two links": {
			memoryTree{"requirements.txt": []byte(linkMark + "now"), "now": []byte(linkMark + "deps/list"), "deps/list": lock},
			memoryTree{"requirements.txt": []byte(linkMark + "now"), "now": []byte(linkMark + "deps/list"), "deps/list": requirements("evil 1.0")},
			[]string{"deps/list release-missing"},
		},
		"a change behind a directory's link": {
			memoryTree{"requirements.txt": []byte(linkMark + "now/list"), "now": []byte(linkMark + "./v/../v/1"), "v/1/list": lock},
			memoryTree{"requirements.txt": []byte(linkMark + "now/list"), "now": []byte(linkMark + "./v/../v/1"), "v/1/list": requirements("evil 1.0")},
			[]string{"v/1/list release-missing"},
		},
		"up from where a link led": {
			memoryTree{"requirements.txt": []byte(linkMark + "now/../list"), "now": []byte(linkMark + "v/1"), "v/list": lock, "list": lock},
			memoryTree{"requirements.txt": []byte(linkMark + "now/../list"), "now": []byte(linkMark + "v/1"), "v/list": requirements("evil 1.0"), "list": lock},
			[]string{"v/list release-missing"},
		},
		"a link on the way changes": {
			memoryTree{"requirements.txt": []byte(linkMark + "now"), "now": []byte(linkMark + "list"), "list": lock, "other": requirements("evil 1.0")},
			memoryTree{"requirements.txt": []byte(linkMark + "now"), "now": []byte(linkMark + "other"), "list": lock, "other": requirements("evil 1.0")},
			[]string{"now unverified"},
		},
		"a submodule on the way changes": {
			memoryTree{"requirements.txt": []byte(linkMark + "sub/list"), "sub": []byte(moduleMark)},
			memoryTree{"requirements.txt": []byte(linkMark + "sub/list"), "sub": []byte(moduleMark + "2")},
			[]string{"sub unverified"},
		},
		"an included file is a link": {
			memoryTree{"requirements.txt": []byte("-r now\n"), "now": []byte(linkMark + "list"), "list": lock},
			memoryTree{"requirements.txt": []byte("-r now\n"), "now": []byte(linkMark + "list"), "list": requirements("evil 1.0")},
			[]string{"list release-missing"},
		},
		"included beside the link, not beside the file": {
			memoryTree{"requirements.txt": []byte(linkMark + "deps/list"), "deps/list": []byte("-r more\n"), "deps/more": lock, "more": lock},
			memoryTree{"requirements.txt": []byte(linkMark + "deps/list"), "deps/list": []byte("-r more\n"), "deps/more": lock, "more": requirements("evil 1.0")},
			[]string{"more release-missing"},
		},
		"a directory called requirements is a link": {
			memoryTree{"requirements": []byte(linkMark + "deps"), "deps/base.txt": lock},
			memoryTree{"requirements": []byte(linkMark + "deps"), "deps/base.txt": requirements("evil 1.0")},
			[]string{"deps/base.txt release-missing"},
		},
		"a name of another format": {
			memoryTree{"a.py.lock": []byte(linkMark + "poetry.lock"), "poetry.lock": poetryLock("a 1.0")},
			memoryTree{"a.py.lock": []byte(linkMark + "poetry.lock"), "poetry.lock": poetryLock("evil 1.0")},
			[]string{"poetry.lock release-missing"},
		},
		"links in a circle": {
			memoryTree{"requirements.txt": []byte(linkMark + "a"), "a": []byte(linkMark + "b"), "b": []byte(linkMark + "a")},
			memoryTree{"requirements.txt": []byte(linkMark + "a"), "a": []byte(linkMark + "b"), "b": []byte(linkMark + "a/a")},
			[]string{"b unverified"},
		},
		"another directory becomes a link": {
			memoryTree{"a/b/requirements.txt": lock, "c/d": lock},
			memoryTree{"a/b/requirements.txt": lock, "c": []byte(linkMark + "elsewhere")},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, scanner := newScanner(t, []byte(hidden))
			result, err := scanner.Run(t.Context(), scan.Input{Base: test.base, Head: test.head})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range result.Findings {
				got = append(got, f.Lockfile+" "+string(f.Rule))
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLookAlikeIsSaid: Cargo takes "proc_macro2" and "proc-macro2" for two packages.
func TestLookAlikeIsSaid(t *testing.T) {
	_, scanner := newScanner(t, []byte(hidden))
	lock := func(names ...string) []byte {
		text := "version = 4\n"
		for _, name := range names {
			text += fmt.Sprintf("[[package]]\nname = %q\nversion = \"1.0.0\"\nsource = \"registry+https://example.invalid/index\"\nchecksum = %q\n", name, lockkeeper.Sum(nil).Hex())
		}
		return []byte(text)
	}
	result, err := scanner.Run(t.Context(), scan.Input{
		Base: memoryTree{"Cargo.lock": lock("proc-macro2")}, Head: memoryTree{"Cargo.lock": lock("other", "proc-macro2", "proc_Macro2")},
	})
	if err != nil || len(result.Findings) != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, f := range result.Findings {
		said := slices.Contains(f.Evidence, "its name looks like proc-macro2, another package of this lockfile")
		if said != (f.Package.Name == "proc_Macro2") {
			t.Errorf("%s: evidence %q", f.Package.Name, f.Evidence)
		}
	}
}
