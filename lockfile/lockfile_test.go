package lockfile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{
		"Cargo.lock": Cargo, "a/b/Cargo.lock": Cargo, "cargo.lock": "", "Cargo.lock.orig": "", "xCargo.lock": "",
		"poetry.lock": Poetry, "sub/poetry.lock": Poetry, "Poetry.lock": "",
		"requirements.txt": Requirements, "a/requirements.txt": Requirements, "Requirements.txt": "",
		"requirements-dev.txt": Requirements, "requirements_dev.txt": Requirements, "requirements.dev.txt": Requirements, "requirementsdev.txt": "",
		"dev-requirements.txt": Requirements, "dev_requirements.txt": Requirements, "dev.requirements.txt": Requirements, "devrequirements.txt": "",
		"requirements-.txt": "", "-requirements.txt": "", ".txt": "", "requirements/.txt": "",
		"requirements/base.txt": Requirements, "a/requirements/base.txt": Requirements, "requirements/sub/base.txt": "", "requirements/base.in": "",
		"constraints.txt": Requirements, "constraints-3.12.txt": Requirements, "my-constraints.txt": "",
		"uv.lock": UV, "a/uv.lock": UV, "UV.lock": "", "tool.py.lock": UV, ".py.lock": UV, "tool.lock": "",
		"pdm.lock": PDM, "pdm.dev.lock": PDM, "pdm.a.b.lock": PDM, "pdm-dev.lock": "", "pdm.lock.bak": "", "pdm.dev.lock/x": "",
		"Pipfile.lock": Pipfile, "Pipfile": "", "pipfile.lock": "",
		"pylock.toml": Pylock, "pylock.dev.toml": Pylock, "a/pylock.dev-1.toml": Pylock, "pylock..toml": "", "pylock.a.b.toml": "", "xpylock.toml": "", "pylock.dev.toml.bak": "",
		"requirements.in": "", "requirements": "", "readme.txt": "", "": "",
	} {
		got, ok := FormatOf(path)
		if got != want || ok != (want != "") {
			t.Errorf("FormatOf(%q) = %q, %t, want %q", path, got, ok, want)
		}
	}
}

func TestCheckText(t *testing.T) {
	for text, line := range map[string]int{
		"":                                  0,
		"a\n=======\nb\n":                   0, // a line of text, for all that is known here
		"a <<<<<<< b\n<<<<<<<<\n<<<<<<<x\n": 0,
		"a\n<<<<<<< HEAD\n":                 2,
		"a\nb\n>>>>>>> x":                   3,
		"a\n|||||||\r\n":                    2,
		">>>>>>> x\n<<<<<<< y\n":            1,
		"x <<<<<<< y\n<<<<<<< y\n":          2,
		"a\nb\xffc\n":                       2,
		"\ufffd\n\n\xc3":                    3,
	} {
		err := CheckText("f", []byte(text))
		var e *Error
		switch {
		case line == 0 && err != nil:
			t.Errorf("%q: %v", text, err)
		case line > 0 && (!errors.As(err, &e) || e.Path != "f" || e.Line != line):
			t.Errorf("%q: %v, want an error in line %d", text, err, line)
		}
	}
	if err := CheckText("f", []byte(strings.Repeat("a", MaxSize))); err != nil {
		t.Errorf("MaxSize: %v", err)
	}
	if err := CheckText("f", []byte(strings.Repeat("a", MaxSize+1))); err == nil {
		t.Error("more than MaxSize: no error")
	}
}

func TestRoutes(t *testing.T) {
	// app needs serde_json and log, serde_json needs ryu and itoa; ring and its
	// friend need each other and nobody needs them.
	l := side(t, Cargo, "app 1.0.0 path=\nitoa 1.0.0\nlog 1.0.0\nring 1.0.0\nfriend 1.0.0\nryu 1.0.0\nserde_json 1.0.0\ntop 1.0.0\nleaf 1.0.0\nown 1.0.0 path=\n")
	for from, to := range map[int][]int{0: {6, 2, 9}, 3: {4}, 4: {3, -1, 99}, 6: {5, 1, 6}, 7: {8, 5}, 9: {1}} {
		for _, i := range to {
			l.Entries[from].Edges = append(l.Entries[from].Edges, Edge{Entry: i})
		}
	}
	r := l.Routes()
	for entry, want := range map[int][]int{
		0: {0}, 1: {9, 1}, 2: {0, 2}, 3: {3}, 4: {3, 4}, 5: {7, 5}, 6: {0, 6}, 7: {7}, 8: {7, 8}, 9: {9}, -1: nil, 10: nil,
	} {
		if diff := cmp.Diff(want, r.To(entry)); diff != "" {
			t.Errorf("way to %d (-want +got):\n%s", entry, diff)
		}
	}
	for entry, want := range map[int][]int{0: {}, 1: {}, 2: {}, 5: {7}, 4: {3}, 9: {}} {
		if got := l.Through(&l.Entries[entry]); !slices.Equal(got, want) {
			t.Errorf("through to %d: %v, want %v", entry, got, want)
		}
	}
	// Without the entries at the top there is one way to ryu only.
	l.Entries[7].Edges = nil
	if got := l.Through(&l.Entries[5]); !slices.Equal(got, []int{6}) {
		t.Errorf("through to ryu: %v, want serde_json", got)
	}
	if got := l.Through(&Entry{}); got != nil {
		t.Errorf("through to a stranger: %v", got)
	}
	if got := (&Lockfile{}).Routes().To(0); got != nil {
		t.Errorf("way in an empty file: %v", got)
	}
}
