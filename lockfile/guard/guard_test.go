package guard_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/guard"
)

var update = flag.Bool("update", false, "rewrite the want parts of testdata/*.txtar")

// TestChanges compares "old/FILE" (empty if there is none) with "new/FILE".
func TestChanges(t *testing.T) {
	for _, file := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testChanges(t, file) })
	}
}

func testChanges(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string][]byte{}
	for _, f := range archive.Files {
		parts[f.Name] = f.Data
	}
	var files []txtar.File
	for _, f := range archive.Files {
		name, isNew := strings.CutPrefix(f.Name, "new/")
		if !isNew {
			continue
		}
		if old, ok := parts["old/"+name]; ok {
			files = append(files, txtar.File{Name: "old/" + name, Data: old})
		}
		got := changes(t, name, parts["old/"+name], f.Data)
		if diff := cmp.Diff(string(parts["want: "+name]), got); diff != "" && !*update {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		files = append(files, f, txtar.File{Name: "want: " + name, Data: []byte(got)})
	}
	if len(files) == 0 {
		t.Fatal("no file to read")
	}
	if *update {
		archive.Files = files
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func changes(t *testing.T, path string, old, new []byte) string {
	before, err := guard.Settings(path, old)
	if err != nil {
		t.Fatalf("old %s: %v", path, err)
	}
	after, err := guard.Settings(path, new)
	if err != nil {
		return "error " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, c := range guard.Changed(before, after) {
		sign, was := "+", ""
		switch {
		case c.Removed:
			sign = "-"
		case c.Was != "":
			sign, was = "~", ", was "+c.Was
		}
		fmt.Fprintf(&b, "%s %d: %s = %s%s; %s\n", sign, c.Line, c.Key, c.Text, was, c.Why)
	}
	return b.String()
}

func cases(t testing.TB) []string {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("cases: %v, %v", files, err)
	}
	return files
}

func TestGuards(t *testing.T) {
	for p, want := range map[string]bool{
		".cargo/config": true, ".cargo/config.toml": true, "a/b/.cargo/config.toml": true, "a/.Cargo/Config.TOML": true,
		"config.toml": false, "cargo/config.toml": false, ".cargo/other/config.toml": false, ".cargo/config.toml/x": false, "x.cargo/config": false,
		"Cargo.toml": true, "a/cargo.toml": true, "Cargo.lock": false, "rust-toolchain": true, "a/rust-toolchain.toml": true,
		"pyproject.toml": true, "Pipfile": true, "Pipfile.lock": false, "uv.toml": true, "uv.lock": false, "pdm.toml": true, ".pdm.toml": true,
		"poetry.toml": true, "pip.conf": true, "a/pip.ini": true, "pip.conf.d": false, ".pypirc": true, "setup.cfg": true, "setup.py": false,
		".python-version": false, "": false, "/": false, ".cargo": false, "uv.toml/": false,
		"ru\u017ft-toolchain": true, // a long s, which some file systems take for one
	} {
		if got := guard.Guards(p); got != want {
			t.Errorf("Guards(%q) = %t", p, got)
		}
	}
	for _, p := range []string{".python-version", "config.toml"} {
		_, err := guard.Settings(p, nil)
		checkError(t, p, err)
	}
}

func checkError(t testing.TB, path string, err error) {
	t.Helper()
	var e *lockfile.Error
	if !errors.As(err, &e) || e.Path != path || e.Line < 0 {
		t.Fatalf("%s: error %#v, want a *lockfile.Error", path, err)
	}
}

func TestBounds(t *testing.T) {
	long, spaced := strings.Repeat("a", 500), "1,"+strings.Repeat(" ", 40)+"\n"
	for name, c := range map[string]struct {
		path, data string
		line       int
	}{
		"size":           {"setup.cfg", strings.Repeat("\n", guard.MaxSize+1), 0},
		"settings":       {"poetry.toml", "x = [\n" + strings.Repeat(spaced, guard.MaxSettings+1) + "]", guard.MaxSettings + 2},
		"options":        {"pip.conf", "[a]\nx =\n" + strings.Repeat(" 1\n", guard.MaxSettings+1), guard.MaxSettings + 3},
		"key":            {"uv.toml", "\n" + long + " = 1", 2},
		"deep key":       {"uv.toml", strings.Repeat(long[:40]+".", 20) + "a = 1", 1},
		"quoted key":     {"uv.toml", "\n\"" + strings.Repeat("\\u0001", 150) + "\" = 1", 2},
		"option":         {"pip.conf", "[a]\n" + long + " = 1", 2},
		"depth":          {"uv.toml", "a = " + strings.Repeat("[", 50) + strings.Repeat("]", 50), 1},
		"merge":          {"pip.conf", "[a]\nx = 1\n<<<<<<< ours\n", 3},
		"merge, channel": {"rust-toolchain", "<<<<<<< ours", 1},
		"no UTF-8":       {".pypirc", "[a]\n\nx = \xff\n", 3},
	} {
		settings, err := guard.Settings(c.path, []byte(c.data))
		var e *lockfile.Error
		if !errors.As(err, &e) || e.Line != c.line || settings != nil {
			t.Errorf("%s: %d settings, %v, want an error in line %d", name, len(settings), err, c.line)
		}
	}
	for _, p := range []string{"pyproject.toml", "Cargo.toml"} {
		data := "[tool." + long + "]\na = 1\n[" + long + "]\nb = [\n" + strings.Repeat(spaced, guard.MaxSettings+1) + "]\n"
		if settings, err := guard.Settings(p, []byte(data)); err != nil || len(settings) > 0 {
			t.Errorf("%s: what does not count is bounded: %v, %v", p, settings, err)
		}
	}
}

// TestSecrets: whatever a file writes, what people see holds no secret of it.
func TestSecrets(t *testing.T) {
	for _, c := range []struct{ path, data, want string }{
		{"uv.toml", `index-url = "https://me:SECRET@host.invalid/simple"`, `"https://***@host.invalid/simple"`},
		{"uv.toml", `index-url = "https://SECRET@host.invalid/simple"`, `"https://***@host.invalid/simple"`},
		{"uv.toml", `index-url = "https://me:SE@CR@ET@host.invalid"`, `"https://***@host.invalid"`},
		{"uv.toml", `index-url = "HTTPS:me:SECRET@host.invalid"`, `"HTTPS:***@host.invalid"`},
		{"uv.toml", `index-url = 'https:\me:SECRET@host.invalid'`, `"https:\\***@host.invalid"`},
		{"uv.toml", `https-proxy = "me:SECRET@host.invalid:8080"`, `"***@host.invalid:8080"`},
		{"uv.toml", `index = [{url = "git+https://me:SECRET@host.invalid/x@v1"}]`, `{url = "git+https://***@host.invalid/x@v1"}`},
		{"uv.toml", `index = [{name = "a", api-token = "SECRET"}]`, `{api-token = ***, name = "a"}`},
		{"pip.conf", "[a]\nextra-index-url = https://a.invalid/ https://me:SECRET@b.invalid/", `"https://a.invalid/ https://***@b.invalid/"`},
		{".pypirc", "[pypi]\npassword: SECRET", `***`},
		{"poetry.toml", "pypi-token.a = 'SECRET'", `***`},
		{"poetry.toml", "http-basic.a.password = 'SECRET'", `***`},
		{"pdm.toml", "pypi.password = 'SECRET'", `***`},
		{".cargo/config", "registry.token = 'SECRET'", `***`},
		{".cargo/config", "registries.a.token = 'SECRET'", `***`},
		{".cargo/config", "env.API_KEY = {value = 'SECRET', force = true}", `***`},
		// A host that only some readers take for one is shown, and so are names.
		{"uv.toml", `index-url = 'https://bad.invalid\@host.invalid'`, `"https://bad.invalid\\@host.invalid"`},
		{"uv.toml", `index-url = "https://bad.invalid/@host.invalid"`, `"https://bad.invalid/@host.invalid"`},
		{"uv.toml", `index-url = "https://bad.invalid?@host.invalid"`, `"https://bad.invalid?@host.invalid"`},
		{"pyproject.toml", `tool.uv.sources.token = {git = "ssh://git@host.invalid/x"}`, `{git = "ssh://***@host.invalid/x"}`},
		{"uv.toml", "index-url = \"\\u001b[2J\\u202e\"\n", `"\x1b[2J\u202e"`},
	} {
		settings, err := guard.Settings(c.path, []byte(c.data))
		if err != nil || len(settings) != 1 || settings[0].Text != c.want {
			t.Errorf("%s: %s\ngot  %+v, %v\nwant %s", c.path, c.data, settings, err, c.want)
		}
	}
	long := `index-url = "https://` + strings.Repeat("é", 300)
	if a := settings(t, long+`a"`); utf8.RuneCountInString(a[0].Text) != 200 || !strings.HasSuffix(a[0].Text, "é…") {
		t.Errorf("%+v", a)
	}
	for old, new := range map[string]string{long + `a"`: long + `b"`, `index-url = "https://a@h"`: `index-url = "https://b@h"`} {
		if got := guard.Changed(settings(t, old), settings(t, new)); len(got) != 1 || got[0].Was != got[0].Text {
			t.Errorf("a change of what is not shown: %+v", got)
		}
	}
}

func settings(t *testing.T, data string) []guard.Setting {
	t.Helper()
	settings, err := guard.Settings("uv.toml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// TestLists: in a list, what was put before others leaves those as they are.
func TestLists(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`["a", "b"]`, `["a", "b"]`, ""},
		{`["a", "b"]`, `["c", "a", "b"]`, `+x[0]="c"`},
		{`["a", "b"]`, `["a", "c", "b"]`, `+x[1]="c"`},
		{`["c", "a", "b"]`, `["a", "b"]`, `-x[0]="c"`},
		{`["a", "b"]`, `["a", "c"]`, `~x[1]="b">"c"`},
		{`["a", "b"]`, `["b", "a"]`, `~x[0]="a">"b" ~x[1]="b">"a"`},
		{`["a", "b"]`, `["b", "a", "c"]`, `~x[0]="a">"b" ~x[1]="b">"a" +x[2]="c"`},
		{`["-C", "a", "-C", "b"]`, `["-C", "a"]`, `-x[2]="-C" -x[3]="b"`},
		{`["a"]`, `["a", "a"]`, `+x[1]="a"`},
		{`["a", "a"]`, `["a"]`, `-x[1]="a"`},
		{`"a"`, `["a"]`, `+x[0]="a" -x="a"`},
		{`["a"]`, `[]`, `+x=[] -x[0]="a"`},
		{`[{b = 1, a = 2}]`, `[{a = 2, b = 1}]`, ""},
		{`[{a = 1}]`, `[{a = "1"}]`, `~x[0]={a = 1}>{a = "1"}`},
		{`1`, `true`, `~x=1>true`},
		{`{a = [1]}`, `{a = [1, 2]}`, `+x.a[1]=2`},
	} {
		var got []string
		for _, change := range guard.Changed(settings(t, "x = "+c.old), settings(t, "x = "+c.new)) {
			switch {
			case change.Removed:
				got = append(got, "-"+change.Key+"="+change.Text)
			case change.Was != "":
				got = append(got, "~"+change.Key+"="+change.Was+">"+change.Text)
			default:
				got = append(got, "+"+change.Key+"="+change.Text)
			}
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s -> %s: %s, want %s", c.old, c.new, got, c.want)
		}
	}
}

// paths has one path for each kind of file.
var paths = []string{
	".cargo/config.toml", "Cargo.toml", "rust-toolchain", "rust-toolchain.toml", "pyproject.toml", "Pipfile", "uv.toml", "pdm.toml",
	"poetry.toml", "pip.conf", ".pypirc", "setup.cfg",
}

// FuzzSettings reads whatever it is given as every kind of file.
func FuzzSettings(f *testing.F) {
	for _, file := range cases(f) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if !strings.HasPrefix(part.Name, "want: ") {
				f.Add(part.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range paths {
			fuzz(t, p, data)
		}
	})
}

func fuzz(t *testing.T, path string, data []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	settings, err := guard.Settings(path, data)
	runtime.ReadMemStats(&after)
	// A setting costs its key, which may be long although the file has it once.
	const fixed, bytesPerByte, bytesPerSetting = 256 << 10, 100, 8 << 10
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(fixed+bytesPerByte*len(data)+bytesPerSetting*len(settings)); got > most {
		t.Fatalf("%s: %d bytes allocated for %d bytes of input and %d settings: want at most %d", path, got, len(data), len(settings), most)
	}
	if err != nil {
		checkError(t, path, err)
		if settings != nil {
			t.Fatalf("%s: settings with an error", path)
		}
		return
	}
	lines, keys := 1+strings.Count(string(data), "\n"), map[string]bool{}
	for _, s := range settings {
		if s.Line < 1 || s.Line > lines || s.Why == "" || s.Digest == "" || keys[s.Key] {
			t.Fatalf("%s: setting is not whole, or not the only one of its key: %+v", path, s)
		}
		keys[s.Key] = true
		for _, text := range []string{s.Key, s.Text} {
			if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%s: not printable: %+q", path, text)
			}
		}
		if utf8.RuneCountInString(s.Text) > 200 || len(s.Key) > 400 {
			t.Fatalf("%s: too long: %+v", path, s)
		}
	}
	if changes := guard.Changed(settings, settings); len(changes) > 0 {
		t.Fatalf("%s: changes without a change: %+v", path, changes)
	}
	if added := guard.Changed(nil, settings); len(added) != len(settings) {
		t.Fatalf("%s: %d of %d settings are new", path, len(added), len(settings))
	}
	if removed := guard.Changed(settings, nil); len(removed) != len(settings) || len(removed) > 0 && !removed[0].Removed {
		t.Fatalf("%s: %d of %d settings are removed", path, len(removed), len(settings))
	}
}
