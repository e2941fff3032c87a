package gitrepo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shell runs git commands, one a line, in dir; "@NAME" at a line's start goes to
// another directory beside it.
func shell(t *testing.T, dir, script string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		at, args := dir, strings.Fields(line)
		if name, ok := strings.CutPrefix(args[0], "@"); ok {
			at, args = filepath.Join(filepath.Dir(dir), name), args[1:]
		}
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "protocol.file.allow=always"}, args...)...)
		cmd.Dir = at
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func commitID(t *testing.T, dir, name string) string {
	t.Helper()
	cmd := exec.Command("git", "rev-parse", name)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git rev-parse %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// upstream has main (two commits), and topic, which left main at the first.
const upstream = `
@hub init -q -b main
@hub commit -qm first --allow-empty
@hub tag first
@hub checkout -qb topic
@hub commit -qm topic --allow-empty
@hub checkout -q main
@hub commit -qm second --allow-empty
`

// Each case is a checkout as people and CI systems have them, and what it is
// compared with when nothing is said.
func TestBase(t *testing.T) {
	for name, test := range map[string]struct {
		script     string
		base, head string
		env        map[string]string
		want       string // Name
		commit     string // revision in the checkout; "-" for none
		why        string // part of Why; "-": empty
		err        string // part of the error
	}{
		"an ordinary clone":         {script: upstream + "@hub worktree list\nclone -q ../hub .\ncheckout -q topic", want: "origin/main", commit: "first", why: "-"},
		"origin/HEAD was never set": {script: upstream + "clone -q ../hub .\nremote set-head origin --delete\ncheckout -q topic", want: "origin/main", commit: "first", why: "-"},
		"origin/HEAD names a branch that was renamed": {
			script: upstream + "clone -q ../hub .\nsymbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/old\ncheckout -q topic", want: "origin/main", commit: "first", why: "-",
		},
		"on the default branch":     {script: upstream + "clone -q ../hub .", want: "origin/main", commit: "origin/main", why: "already in origin/main, so only what is not committed counts"},
		"ahead of it":               {script: upstream + "clone -q ../hub .\ncommit -qm more --allow-empty", want: "origin/main", commit: "origin/main", why: "-"},
		"no remote":                 {script: "init -q -b main\ncommit -qm first --allow-empty", want: "main", commit: "main", why: "There is no remote"},
		"no remote, a branch":       {script: "init -q -b main\ncommit -qm first --allow-empty\ncheckout -qb topic\ncommit -qm more --allow-empty", want: "main", commit: "main", why: "-"},
		"no usual name":             {script: "init -q -b dev\ncommit -qm first --allow-empty", want: "dev", commit: "dev", why: "No default branch was found"},
		"a remote with another":     {script: upstream + "@hub branch -m main dev\n@hub branch -D topic\nclone -q ../hub .\nremote set-head origin --delete\ncheckout -qb topic", want: "origin/dev", commit: "origin/dev", why: "only branch of the remote"},
		"only a remote of any name": {script: upstream + "clone -q -o hub ../hub .\ncheckout -q topic", want: "hub/main", commit: "first", why: "-"},
		"no commit":                 {script: "init -q -b main", want: "nothing", commit: "-", why: "everything in the work tree counts as new"},
		"a shallow clone of a branch": {
			script: upstream + "init -q\nremote add origin ../hub\nfetch -q --depth=1 origin topic main:refs/remotes/origin/main\ncheckout -q FETCH_HEAD",
			err:    "not in this clone, which is shallow. Fetch the rest with: git fetch --unshallow",
		},
		"a shallow clone without the branch": {
			script: upstream + "init -q\nremote add origin ../hub\nfetch -q --depth=1 origin topic\ncheckout -q FETCH_HEAD",
			err:    "actions/checkout with fetch-depth: 0",
		},
		"CI, detached, named by GitHub": {
			script: upstream + "clone -q ../hub .\ncheckout -q --detach origin/topic", env: map[string]string{"GITHUB_BASE_REF": "main"},
			want: "origin/main", commit: "first", why: "says GITHUB_BASE_REF",
		},
		"CI, detached, named by GitLab": {
			script: upstream + "@hub branch release first\nclone -q ../hub .\ncheckout -q --detach origin/topic", env: map[string]string{"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "release"},
			want: "origin/release", commit: "first", why: "goes into release",
		},
		"CI, the branch was not fetched": {
			script: upstream + "init -q\nremote add origin ../hub\nfetch -q --depth=1 origin topic\ncheckout -q FETCH_HEAD", env: map[string]string{"GITHUB_BASE_REF": "main"},
			err: `the branch "main", into which this pull request goes (GITHUB_BASE_REF), is not in this clone: this clone is shallow`,
		},
		"CI, GitHub's merge in the shallowest clone that holds its parents": {
			script: upstream + "@hub merge -q --no-ff -m merged topic\ninit -q\nremote add origin ../hub\nfetch -q --depth=2 origin main\ncheckout -q FETCH_HEAD",
			env:    map[string]string{"GITHUB_BASE_REF": "main", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": "HEAD"},
			want:   "main", commit: "HEAD^1", why: "the merge of the pull request into main",
		},
		"a base that is named":       {script: upstream + "clone -q ../hub .\ncheckout -q topic", base: "first", want: "first", commit: "first", why: "-"},
		"a base that is not there":   {script: upstream + "clone -q ../hub .", base: "nowhere", err: `there is no revision "nowhere" here: fetch it with: git fetch origin nowhere`},
		"no common history":          {script: upstream + "clone -q ../hub .\ncheckout -q --orphan other\ncommit -qm x --allow-empty", err: "have no commit in common"},
		"a head that is named":       {script: upstream + "clone -q ../hub .", head: "origin/topic", want: "origin/main", commit: "first", why: "-"},
		"a head that is not there":   {script: upstream + "clone -q ../hub .", head: "nowhere", err: `there is no revision "nowhere" here`},
		"detached without a branch":  {script: "init -q -b dev\ncommit -qm first --allow-empty\ncheckout -q --detach\nbranch -D dev", err: "no branch here to compare with: name a revision with --base, or look at everything that is locked"},
		"a head beside CI variables": {script: upstream + "clone -q ../hub .", head: "origin/topic", env: map[string]string{"GITHUB_BASE_REF": "nowhere"}, want: "origin/main", commit: "first", why: "-"},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "checkout")
			for _, d := range []string{dir, filepath.Join(top, "hub")} {
				if err := os.Mkdir(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			shell(t, dir, test.script)
			if test.env["GITHUB_SHA"] != "" {
				test.env["GITHUB_SHA"] = commitID(t, dir, test.env["GITHUB_SHA"])
			}
			b, err := open(t, dir).Base(context.Background(), test.base, test.head, func(name string) string { return test.env[name] })
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("base = %+v, error %v; want an error with %q", b, err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			commit := ""
			if test.commit != "-" {
				commit = commitID(t, dir, test.commit)
			}
			if b.Name != test.want || b.Commit != commit {
				t.Errorf("base = %+v; want %s at %s", b, test.want, commit)
			}
			if test.why == "-" && b.Why != "" || !strings.Contains(b.Why, strings.TrimPrefix(test.why, "-")) {
				t.Errorf("why = %q; want %q", b.Why, test.why)
			}
		})
	}
}

func TestNothingIsATree(t *testing.T) {
	ctx := context.Background()
	r := open(t, repository(t))
	files, err := r.Tree("").Files(ctx)
	if err != nil || len(files) != 0 {
		t.Errorf("files before the first commit: %v, %v", files, err)
	}
}
