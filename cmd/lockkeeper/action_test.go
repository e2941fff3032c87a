package main

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// workflow is a run of the action: a repository on the branch of a pull request, the
// registries, a GitHub, and what GitHub Actions says in the environment.
type workflow struct {
	t      *testing.T
	dir    string
	env    map[string]string
	pull   *githubtest.Pull
	fake   *githubtest.Repo
	server *githubtest.Server
}

func newWorkflow(t *testing.T) *workflow {
	t.Helper()
	w := &workflow{t: t, dir: t.TempDir()}
	registries := registrytest.New()
	if err := registries.LoadText([]byte(probed + "-- crates/cfg-if/1.0.0/Cargo.toml --\n[package]\nname = \"cfg-if\"\nversion = \"1.0.0\"\nbuild = \"build.rs\"\n" +
		"-- crates/cfg-if/1.0.0/build.rs --\nfn main() {\n    std::process::Command::new(\"curl\"); // ::error::no command\n}\n")); err != nil {
		t.Fatal(err)
	}
	if err := registries.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registries.Close() })
	server, err := githubtest.New(githubtest.Config{AppSlug: "github-actions"})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); web.Close() })
	server.SetURL(web.URL)
	server.AddUser("alice")
	w.server = server
	w.fake = server.AddRepo("alice", "widget", githubtest.RepoOptions{Files: map[string]string{"README": "x"}})
	w.fake.Branch("topic", "main")
	w.fake.Commit("topic", githubtest.CommitSpec{Message: "x", Author: "alice", Files: map[string]string{"README": "y"}})
	w.pull = w.fake.OpenPull("alice", "topic", "main", "x", "")

	lock, err := registries.Expand("version = 4\n\n[[package]]\nname = \"cfg-if\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:cfg-if@1.0.0}}\"\n")
	if err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join(w.dir, "repo")
	w.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": w.dir, "GIT_CONFIG_GLOBAL": os.DevNull,
		"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": w.write("event.json", `{"number":`+strconv.Itoa(w.pull.Number)+`}`), "GITHUB_BASE_REF": "main",
		"GITHUB_STEP_SUMMARY": filepath.Join(w.dir, "summary"), "GITHUB_OUTPUT": filepath.Join(w.dir, "output"), "RUNNER_TEMP": w.dir,
		"GITHUB_API_URL": server.APIURL(), "GITHUB_SERVER_URL": server.URL(), "GITHUB_REPOSITORY": "alice/widget", "GITHUB_TOKEN": w.fake.Token(),
		"LOCKKEEPER_CONFIG": w.write("lockkeeper.toml", "[cratesio]\nindex = '"+registries.Index()+"'\nstatic = '"+registries.Static()+"'\napi = '"+registries.API()+"'\n[github]\napi-url = '"+server.APIURL()+"'\nweb-url = '"+server.URL()+"'\n"),
	}
	w.git(w.dir, "init", "-q", "-b", "main", repo)
	w.write("repo/Cargo.lock", "version = 4\n")
	w.write("repo/.lockkeeper/policy.toml", "")
	w.git(repo, "add", ".")
	w.git(repo, "commit", "-qm", "one")
	w.git(repo, "checkout", "-q", "--detach")
	w.write("repo/Cargo.lock", lock)
	w.git(repo, "commit", "-qam", "two")
	return w
}

func (w *workflow) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *workflow) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

func (w *workflow) git(dir string, args ...string) {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.invalid"}, args...)...)
	cmd.Dir, cmd.Env = dir, w.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (w *workflow) environ() []string {
	var env []string
	for name, value := range w.env {
		env = append(env, name+"="+value)
	}
	return env
}

// run runs the command as the action does.
func (w *workflow) run(args ...string) (string, int) {
	w.t.Helper()
	var out strings.Builder
	code := run(context.Background(), append([]string{"action", "-C", filepath.Join(w.dir, "repo")}, args...), w.environ(), strings.NewReader(""), &out, &out)
	return out.String(), code
}

func (w *workflow) comments() []string {
	w.t.Helper()
	var bodies []string
	for _, c := range w.pull.Comments() {
		bodies = append(bodies, c.Body)
	}
	return bodies
}

func TestAction(t *testing.T) {
	w := newWorkflow(t)
	log, code := w.run("--comment", "--sarif-file", filepath.Join(w.dir, "out.sarif"))
	if code != exitSignOff || !strings.Contains(log, "\n::error file=Cargo.lock,line=3,title=cfg-if 1.0.0::is new here and runs a build script (build-code-added)\n") {
		t.Errorf("exit code %d\n%s", code, log)
	}
	if summary := w.read("summary"); !strings.Contains(summary, "### 1 package needs a sign-off") || !strings.Contains(summary, "lockkeeper allow add cfg-if") || strings.Contains(summary, "/lockkeeper sign-off") {
		t.Errorf("summary:\n%s", summary)
	}
	if output := w.read("output"); output != "conclusion=action_required\nsarif-file="+filepath.Join(w.dir, "out.sarif")+"\n" {
		t.Errorf("output: %q", output)
	}
	if !strings.Contains(w.read("out.sarif"), `"ruleId": "build-code-added"`) {
		t.Error("SARIF lacks the finding")
	}
	first := w.comments()
	if len(first) != 1 || !strings.HasPrefix(first[0], "<!-- lockkeeper action -->") || !strings.Contains(first[0], "cfg-if") {
		t.Fatalf("comments: %q\n%s", first, log)
	}
	// The same again says nothing new.
	before := len(w.server.Requests())
	if _, code := w.run("--comment"); code != exitSignOff {
		t.Errorf("exit code %d", code)
	}
	for _, r := range w.server.Requests()[before:] {
		if r.Method == "POST" || r.Method == "PATCH" {
			t.Errorf("written again: %s %s", r.Method, r.Path)
		}
	}
	// Once nothing is left to say, the comment says so.
	w.git(filepath.Join(w.dir, "repo"), "checkout", "-q", "main")
	if _, code := w.run("--comment"); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if all := w.comments(); len(all) != 1 || all[0] == first[0] || !strings.Contains(all[0], "No lockfile changed") {
		t.Errorf("comments: %q", all)
	}
}

// Text of packages is no workflow command: what a package says stands between the
// marks that stop commands, with a word that nobody can guess.
func TestPromise7NoTextIsAWorkflowCommand(t *testing.T) {
	w := newWorkflow(t)
	log, _ := w.run()
	m := regexp.MustCompile(`(?s)^::stop-commands::([A-Z0-9]{20,})\n(.*)\n::([A-Z0-9]+)::\n(.*)$`).FindStringSubmatch(log)
	if m == nil || m[1] != m[3] {
		t.Fatalf("commands are not stopped:\n%s", log)
	}
	other, _ := w.run()
	if strings.Contains(other, m[1]) {
		t.Error("the word is the same each time")
	}
	if got := escapeData("a%\r\n::x") + escapeProperty("a:b,c"); got != "a%25%0D%0A::xa%3Ab%2Cc" {
		t.Errorf("escaped: %s", got)
	}
}

// A token that may not write, as in runs for forks, leaves the result as it is.
func TestActionForAFork(t *testing.T) {
	w := newWorkflow(t)
	w.env["GITHUB_TOKEN"] = "ghs_nothing"
	log, code := w.run("--comment", "--github", "never")
	if code != exitSignOff || !strings.Contains(log, "::warning title=Lockkeeper::The comment could not be written") || strings.Contains(log, "ghs_nothing") {
		t.Errorf("exit code %d\n%s", code, log)
	}
}

// A push is compared with what the branch was.
func TestActionForAPush(t *testing.T) {
	w := newWorkflow(t)
	repo := filepath.Join(w.dir, "repo")
	out, err := exec.Command("git", "-C", repo, "rev-parse", "main").Output()
	if err != nil {
		t.Fatal(err)
	}
	w.git(repo, "branch", "-f", "main", "HEAD")
	w.env["GITHUB_EVENT_NAME"], w.env["GITHUB_BASE_REF"] = "push", ""
	w.write("event.json", `{"before":"`+strings.TrimSpace(string(out))+`"}`)
	if log, code := w.run(); code != exitSignOff {
		t.Errorf("exit code %d\n%s", code, log)
	}
	w.write("event.json", `{"before":"`+strings.Repeat("0", 40)+`"}`)
	if log, code := w.run(); code != exitOK {
		t.Errorf("a new branch: exit code %d\n%s", code, log)
	}
}

// The script of the action passes inputs on, fetches what a shallow checkout lacks, and
// turns findings into success where that is wanted.
func TestActionScript(t *testing.T) {
	w := newWorkflow(t)
	said := filepath.Join(w.dir, "said")
	binary := w.write("fake", "#!/bin/sh\nprintf '%s\\n' \"$@\" > '"+said+"'\nexit ${FAKE_CODE:-3}\n")
	if err := os.Chmod(binary, 0o755); err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join(w.dir, "repo")
	w.git(repo, "branch", "merged")
	shallow := filepath.Join(w.dir, "shallow")
	w.git(w.dir, "clone", "-q", "--depth=1", "--branch", "merged", "file://"+repo, shallow)
	sha, err := exec.Command("git", "-C", shallow, "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	w.env["LOCKKEEPER_ACTION_BINARY"], w.env["LOCKKEEPER_ACTION_DIRECTORY"] = binary, shallow
	w.env["GITHUB_REF"], w.env["GITHUB_SHA"] = "refs/pull/1/merge", strings.TrimSpace(string(sha))
	for name, test := range map[string]struct {
		env  map[string]string
		code int
		args string
	}{
		"nothing said":      {nil, 3, "action -C " + shallow},
		"everything":        {map[string]string{"BASE": "a b;c", "CONFIG": "x.toml", "SARIF": "s", "COMMENT": "true"}, 3, "action -C " + shallow + " --base=a b;c --config=x.toml --sarif-file=s --comment"},
		"only shown":        {map[string]string{"FAIL": "false"}, 0, "action -C " + shallow},
		"could not be done": {map[string]string{"FAIL": "false", "CODE": "1"}, 1, "action -C " + shallow},
	} {
		env := w.environ()
		for k, v := range test.env {
			if k == "CODE" {
				env = append(env, "FAKE_CODE="+v)
			} else {
				env = append(env, "LOCKKEEPER_ACTION_"+k+"="+v)
			}
		}
		cmd := exec.Command("../../action/run")
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != test.code {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		if got := strings.Join(strings.Split(strings.TrimSpace(w.read("said")), "\n"), " "); got != test.args {
			t.Errorf("%s: called with %q; want %q", name, got, test.args)
		}
	}
	if out, err := exec.Command("git", "-C", shallow, "rev-parse", "--verify", "HEAD^1").CombinedOutput(); err != nil {
		t.Errorf("the base was not fetched: %s", out)
	}
}

// The pre-commit hook runs for every file that is a lockfile.
func TestPreCommitHookKnowsLockfiles(t *testing.T) {
	data, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^  files: '(.*)'$`).FindStringSubmatch(string(data))
	if m == nil {
		t.Fatal("the hook names no files")
	}
	files := regexp.MustCompile(m[1])
	for _, path := range []string{
		"Cargo.lock", "a/b/Cargo.lock", "requirements.txt", "dev-requirements.txt", "requirements-dev.txt", "requirements/base.txt", "x/requirements/base.txt",
		"constraints.txt", "constraints-3.12.txt", "uv.lock", "script.py.lock", "poetry.lock", "pdm.lock", "pdm.dev.lock", "Pipfile.lock", "pylock.toml", "pylock.dev.toml",
		"my.requirements.txt", "my_requirements.txt", "requirements.dev.txt",
	} {
		if _, ok := lockfile.FormatOf(path); !ok {
			t.Errorf("%s is no lockfile", path)
		}
		if !files.MatchString(path) {
			t.Errorf("the hook does not run for %s", path)
		}
	}
	for _, path := range []string{"README.md", "src/Cargo.lock.rs", "package-lock.json"} {
		if files.MatchString(path) {
			t.Errorf("the hook runs for %s", path)
		}
	}
}
