package scan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// TestPromise1SettingsBesideALockfile: what alters the meaning of a lockfile is
// found with its line, and an edit of anything else in the same file asks nobody.
func TestPromise1SettingsBesideALockfile(t *testing.T) {
	const cargo = "[package]\nname = \"a\"\n"
	for name, test := range map[string]struct {
		path       string
		base, head string // "-" for no file
		want       []string
	}{
		"cargo source": {
			".cargo/config.toml", "[build]\njobs = 2\n", "[build]\njobs = 4\n[source.crates-io]\nreplace-with = \"x\"\n",
			[]string{`.cargo/config.toml:4 gains the setting source.crates-io.replace-with, which sends downloads of this source elsewhere`},
		},
		"cargo jobs":       {"sub/.cargo/config", "[build]\njobs = 2\n", "[build]\njobs = 4\n", nil},
		"a dependency":     {"Cargo.toml", cargo, cargo + "[dependencies]\nb = \"1\"\n", nil},
		"a patch":          {"Cargo.toml", cargo, cargo + "[patch.crates-io]\nb = { path = \"../b\" }\n", []string{`Cargo.toml:4 gains the setting patch.crates-io.b, which takes this package from elsewhere`}},
		"a patch is gone":  {"Cargo.toml", cargo + "[patch.crates-io]\nb = { path = \"../b\" }\n", cargo, []string{`Cargo.toml:1 loses the setting patch.crates-io.b, which takes this package from elsewhere`}},
		"all is gone":      {"Cargo.toml", cargo, "-", nil},
		"config is gone":   {"uv.toml", "index-url = \"https://i.invalid\"\n", "-", []string{"uv.toml:1 loses the setting index-url, which "}},
		"config unread":    {"uv.toml", "", "index-url = \n", []string{"uv.toml:1 is edited and cannot be read: "}},
		"manifest unread":  {"Cargo.toml", cargo, cargo + "[patch.\n", []string{"Cargo.toml:3 is edited and cannot be read: "}},
		"config is a link": {"poetry.toml", "", linkMark + "x", []string{"poetry.toml:0 is a symlink; it decides what building and installing runs"}},
		"pip": {
			"pip.conf", "[global]\ntimeout = 3\n", "[global]\ntimeout = 5\nextra-index-url = https://i.invalid\nindex-url = https://j.invalid\n",
			[]string{"pip.conf:3 changes 2 settings; the first, global.extra-index-url, "},
		},
		"policy":       {".lockkeeper/policy.toml", "", "# more\n", []string{".lockkeeper/policy.toml:1 is edited; it decides what Lockkeeper asks for"}},
		"another file": {"src/config.toml", "", "x = 1\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, scanner := newScanner(t, []byte(hidden))
			base, head := memoryTree{}, memoryTree{}
			if test.base != "-" {
				base[test.path] = []byte(test.base)
			}
			if test.head != "-" {
				head[test.path] = []byte(test.head)
			}
			result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: head})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, f := range result.Findings {
				text := fmt.Sprintf("%s:%d %s", f.Lockfile, f.Line, f.Message)
				if i < len(test.want) {
					text = text[:min(len(text), len(test.want[i]))]
				}
				got = append(got, text)
				if f.Rule != policy.GuardChanged || f.Subject == "" {
					t.Errorf("%+v", f)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (len(result.Touched) > 0) != (len(test.want) > 0) {
				t.Errorf("touched %q", result.Touched)
			}
		})
	}
}

// TestPromise1SettingsStaySettings: whoever includes the policy in a requirements
// file, or links to it by such a name, does not make it one.
func TestPromise1SettingsStaySettings(t *testing.T) {
	for name, head := range map[string]memoryTree{
		"included":     {"requirements.txt": []byte("-r .lockkeeper/policy.toml\n")},
		"a constraint": {"requirements.txt": []byte("-c .lockkeeper/policy.toml\n")},
		"linked":       {"requirements.txt": []byte(linkMark + ".lockkeeper/policy.toml")},
	} {
		_, scanner := newScanner(t, []byte(hidden))
		head[".lockkeeper/policy.toml"] = []byte("# nothing\n")
		base := memoryTree{".lockkeeper/policy.toml": []byte("[reviewers]\ncount = 2\n")}
		result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: head})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(result.Findings, func(f policy.Finding) bool { return f.Rule == policy.GuardChanged && f.Lockfile == policy.Path }) {
			t.Errorf("%s: found %+v", name, result.Findings)
		}
	}
}

// TestPromise1SettingsBehindALink: cargo and its kin follow links to their settings.
func TestPromise1SettingsBehindALink(t *testing.T) {
	const before, after = "[build]\njobs = 2\n", "[build]\njobs = 2\nrustc-wrapper = \"./x\"\n"
	for name, test := range map[string]struct {
		base, head memoryTree
		want       string // "" for no finding
	}{
		"a new link for the directory": {
			memoryTree{}, memoryTree{"sub/.cargo": []byte(linkMark + "../conf"), "conf/config.toml": []byte(after)}, "conf/config.toml sub/.cargo",
		},
		"a new submodule for the directory": {
			memoryTree{}, memoryTree{".cargo": []byte(moduleMark)}, ".cargo",
		},
		"a file behind the directory's link": {
			memoryTree{".cargo": []byte(linkMark + "conf"), "conf/config.toml": []byte(before)},
			memoryTree{".cargo": []byte(linkMark + "conf"), "conf/config.toml": []byte(after)}, "conf/config.toml",
		},
		"a file behind the file's link": {
			memoryTree{".cargo/config": []byte(linkMark + "../conf"), "conf": []byte(before)},
			memoryTree{".cargo/config": []byte(linkMark + "../conf"), "conf": []byte(after)}, "conf",
		},
		"a link on the way": {
			memoryTree{".cargo": []byte(linkMark + "a"), "a": []byte(linkMark + "b"), "b/config": []byte(before), "c/config": []byte(after)},
			memoryTree{".cargo": []byte(linkMark + "a"), "a": []byte(linkMark + "c"), "b/config": []byte(before), "c/config": []byte(after)}, "a",
		},
		"nothing that counts": {
			memoryTree{".cargo": []byte(linkMark + "conf"), "conf/config.toml": []byte(before)},
			memoryTree{".cargo": []byte(linkMark + "conf"), "conf/config.toml": []byte(before + "incremental = false\n"), "conf/other": []byte(after)}, "",
		},
	} {
		_, scanner := newScanner(t, []byte(hidden))
		result, err := scanner.Run(t.Context(), scan.Input{Base: test.base, Head: test.head})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, f := range result.Findings {
			found = append(found, f.Lockfile)
			if f.Rule != policy.GuardChanged || !slices.Contains(result.Touched, f.Lockfile) {
				t.Errorf("%s: %+v, touched %q", name, f, result.Touched)
			}
		}
		if got := strings.Join(found, " "); got != test.want {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
	}
}

// TestPromise4SettingsAreSignedAsTheyAre: another value is another question.
func TestPromise4SettingsAreSignedAsTheyAre(t *testing.T) {
	_, scanner := newScanner(t, []byte(hidden))
	subjects := map[string]bool{}
	for _, address := range []string{"https://a.invalid", "https://b.invalid", "https://user:secret1@c.invalid", "https://user:secret2@c.invalid"} {
		result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: memoryTree{"uv.toml": []byte("index-url = \"" + address + "\"\n")}})
		if err != nil || len(result.Findings) != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		subjects[result.Findings[0].Subject] = true
	}
	if len(subjects) != 4 {
		t.Errorf("%d subjects for 4 values", len(subjects))
	}
}
