package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// gitLock locks a crate at a commit of a repository on w's GitHub.
func (w *world) gitLock(name string, repo *githubtest.Repo) string {
	return w.lock("quiet@1.0.0") + fmt.Sprintf("\n[[package]]\nname = %q\nversion = \"1.0.0\"\nsource = \"git+%s/%s#%s\"\n", name, w.github.URL(), repo.FullName(), repo.Head("main"))
}

var toolFiles = map[string]string{"Cargo.toml": "[package]\nname = \"tool\"\nversion = \"1.0.0\"\n", "build.rs": "fn main() { let _ = std::net::TcpStream::connect(\"example.invalid:1\"); } // INNER\n"}

// TestDependenciesOnGitHub: a public repository is read with the installation's
// token, a private one never, though the same token could.
func TestDependenciesOnGitHub(t *testing.T) {
	w := newWorld(t, somePolicy)
	public := w.github.AddRepo("outsider", "tool", githubtest.RepoOptions{NotInstalled: true, Files: toolFiles})
	private := w.github.AddRepo("owner", "tool", githubtest.RepoOptions{Private: true, Files: toolFiles})

	p := w.open(map[string]string{"Cargo.lock": w.gitLock("tool", public)})
	w.want(p, "action_required", "for a build script in a public repository")
	if comment := w.comment(p); !strings.Contains(comment, "build-code-added") || !strings.Contains(comment, "INNER") {
		t.Errorf("the comment does not show the build code:\n%s", comment)
	}
	p.Comment("reviewer", yes)
	w.want(p, "success", "after the reviewer signed off")

	p = w.open(map[string]string{"Cargo.lock": w.gitLock("tool", private)})
	w.want(p, "action_required", "for a private repository")
	if comment := w.comment(p); !strings.Contains(comment, "unverified") || strings.Contains(comment, "INNER") {
		t.Errorf("the comment shows what is in a private repository:\n%s", comment)
	}
}

// TestGitHubAwayWhileReadingRepositories holds the pull request until GitHub
// answers.
func TestGitHubAwayWhileReadingRepositories(t *testing.T) {
	w := newWorld(t, somePolicy)
	public := w.github.AddRepo("outsider", "tool", githubtest.RepoOptions{NotInstalled: true, Files: toolFiles})
	heal := w.github.AddFault(githubtest.Fault{Path: "/repos/outsider/tool", Status: http.StatusBadGateway})
	p := w.open(map[string]string{"Cargo.lock": w.gitLock("tool", public)})
	w.want(p, "action_required", "while the repository cannot be read")
	if comment := w.comment(p); !strings.Contains(comment, "unverified") {
		t.Errorf("the comment does not say that it could not be read:\n%s", comment)
	}
	heal()
	p.Comment("reviewer", "/lockkeeper rescan")
	w.want(p, "action_required", "once it is read")
	if comment := w.comment(p); !strings.Contains(comment, "build-code-added") || strings.Contains(comment, "unverified") {
		t.Errorf("the comment is still the old one:\n%s", comment)
	}
}
