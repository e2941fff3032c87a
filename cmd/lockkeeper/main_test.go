package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lockkeeper/lockkeeper/docs/schematest"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lockkeeper": main,
	})
}

// TestScripts runs the commands as a person would, in testdata/script. A script's
// own files "registry/..." are served as the registries, and "expand FILE..."
// replaces the {{digests}} in its lockfiles.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts(t, "testdata/script"))
}

// scripts are those of a directory, with a home of their own.
func scripts(t *testing.T, dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(env.WorkDir, "gitconfig"))
			return os.WriteFile(filepath.Join(env.WorkDir, "gitconfig"), []byte("[user]\nname = a\nemail = a@example.invalid\n[init]\ndefaultBranch = main\n"), 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve-registry": serveRegistry,
			// matches SCHEMA FILE: the file is what docs/schema says.
			"matches": func(ts *testscript.TestScript, _ bool, args []string) {
				doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[1])))
				ts.Check(err)
				ts.Check(schematest.Compile(t, args[0]).Validate(doc))
			},
			// new-postgres VARIABLE sets it to the address of an empty database.
			"new-postgres": func(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv(args[0], pgtest.New(t)) },
		},
	}
}

// serveRegistry serves the txtar text of a file and writes the configuration that
// points to it: serve-registry TEXT CONFIG [FILE-TO-EXPAND ...]. Files
// "github/NAME/PATH" of the text are the public repository NAME of somebody on a
// GitHub, whose address is {{github}} and whose commit {{commit:NAME}}.
func serveRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve-registry TEXT CONFIG [FILE ...]")
	}
	s := registrytest.New()
	text := txtar.Parse([]byte(strings.ReplaceAll("\n"+ts.ReadFile(args[0]), "\n--> ", "\n-- ")))
	forge, err := githubtest.New(githubtest.Config{})
	ts.Check(err)
	web := httptest.NewServer(forge)
	ts.Defer(func() { forge.Close(); web.Close() })
	forge.SetURL(web.URL)
	forge.AddUser("somebody")
	repositories := map[string]map[string]string{}
	for _, f := range text.Files {
		if parts := strings.SplitN(f.Name, "/", 3); parts[0] == "github" {
			if repositories[parts[1]] == nil {
				repositories[parts[1]] = map[string]string{}
			}
			repositories[parts[1]][parts[2]] = string(f.Data)
		}
	}
	names := []string{"{{github}}", web.URL}
	for name, files := range repositories {
		r := forge.AddRepo("somebody", name, githubtest.RepoOptions{NotInstalled: true, Files: files})
		names = append(names, "{{commit:"+name+"}}", r.Head("main"))
	}
	expand := strings.NewReplacer(names...)
	ts.Check(s.LoadText([]byte(expand.Replace(string(txtar.Format(text))))))
	ts.Check(s.Start())
	ts.Defer(func() { s.Close() })
	config := fmt.Sprintf("[server]\ncontact = \"test@example.invalid\"\n[cratesio]\nindex = %q\nstatic = %q\napi = %q\n[pypi]\npypi = %q\nfiles = %q\ntrust-root = %q\n",
		s.Index(), s.Static(), s.API(), s.PyPI(), s.Files(), ts.MkAbs("trusted_root.json"))
	ts.Check(os.WriteFile(ts.MkAbs("trusted_root.json"), s.TrustRoot(), 0o644))
	config += fmt.Sprintf("[github]\napi-url = %q\nweb-url = %q\n", forge.APIURL(), forge.URL())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(config), 0o644))
	for _, name := range args[2:] {
		text, err := s.Expand(expand.Replace(ts.ReadFile(name)))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

// TestDemo runs the demo through, as the README's first command does.
func TestDemo(t *testing.T) {
	var out, errs strings.Builder
	if code := run(context.Background(), []string{"demo", "--once"}, os.Environ(), strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	if !strings.Contains(out.String(), "only the reviewer's word with a reason counted") {
		t.Errorf("the demo says:\n%s", &out)
	}
}

// TestEveryCommandHasHelpWithAnExample reads what a new user reads first.
func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	parser, err := newParser(new(cli))
	if err != nil {
		t.Fatal(err)
	}
	commands := [][]string{{}}
	for _, leaf := range parser.Model.Leaves(true) {
		words, _, _ := strings.Cut(leaf.Path(), " <")
		commands = append(commands, strings.Fields(words))
	}
	for _, args := range commands {
		var out, errs, other strings.Builder
		code := run(context.Background(), append(slices.Clone(args), "--help"), nil, strings.NewReader(""), &out, &errs)
		if run(context.Background(), append([]string{"help"}, args...), nil, strings.NewReader(""), &other, &errs) != code || other.String() != out.String() {
			t.Errorf("help %v is not %[1]v --help:\n%s", args, &other)
		}
		if code != exitOK || !strings.Contains(out.String(), "Example") || !strings.Contains(out.String(), "lockkeeper "+strings.Join(args, " ")) {
			t.Errorf("%v --help: exit code %d\n%s%s", args, code, &out, &errs)
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > 81 {
				t.Errorf("%v --help has a line of more than 80 columns: %s", args, line)
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines > 48 {
			t.Errorf("%v --help has %d lines, more than two screens", args, lines)
		}
	}
}

// The published schema says what policy test writes, field by field.
func TestTheSchemaOfPolicyTestIsWhatIsWritten(t *testing.T) {
	schematest.Drift(t, "policy-test", reflect.TypeFor[trialOutcome](), "json")
}
