package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// TestPromise5NoForeignHostEndToEnd: lockfiles that name a host in every way they
// can, a registry and a GitHub that send there; the real server goes nowhere, and
// says what it could not look at.
func TestPromise5NoForeignHostEndToEnd(t *testing.T) {
	trap, err := registrytest.NewTrap()
	must(t, err)
	t.Cleanup(func() { trap.Close() })
	host := trap.Host()
	w := newWorld(t, "[reviewers]\nusers = ['reviewer']\n")
	digest := strings.Repeat("ab", 32)
	cargo := func(source string) string {
		return fmt.Sprintf("version = 4\n\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = %q\nchecksum = %q\n", source, digest)
	}
	for name, files := range map[string]map[string]string{
		"cargo registry": {"Cargo.lock": cargo("registry+http://" + host + "/index")},
		"cargo sparse":   {"Cargo.lock": cargo("sparse+http://" + host + "/index/")},
		"cargo git":      {"Cargo.lock": fmt.Sprintf("version = 4\n\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"git+http://%s/owner/x#%s\"\n", host, strings.Repeat("a", 40))},
		"user in a URL":  {"Cargo.lock": cargo("sparse+http://index.crates.io@" + host + "/")},
		"settings":       {".cargo/config.toml": "[source.crates-io]\nreplace-with = \"x\"\n[source.x]\nregistry = \"sparse+http://" + host + "/\"\n", "Cargo.lock": w.lock("quiet@1.0.1")},
		"requirements": {"requirements.txt": fmt.Sprintf("--index-url http://%[1]s/simple\n--find-links http://%[1]s/links\nx @ http://%[1]s/x-1.0-py3-none-any.whl --hash=sha256:%[2]s\ny @ git+http://%[1]s/owner/y@%[3]s\nz==1.0 --hash=sha256:%[2]s\n",
			host, digest, strings.Repeat("a", 40))},
		"uv":     {"uv.lock": fmt.Sprintf("version = 1\nrevision = 3\nrequires-python = \">=3.9\"\n\n[[package]]\nname = \"x\"\nversion = \"1.0\"\nsource = { registry = \"http://%[1]s/simple\" }\nwheels = [\n    { url = \"http://%[1]s/x-1.0-py3-none-any.whl\", hash = \"sha256:%[2]s\", size = 1 },\n]\n", host, digest)},
		"poetry": {"poetry.lock": fmt.Sprintf("[[package]]\nname = \"x\"\nversion = \"1.0\"\ndescription = \"\"\noptional = false\npython-versions = \">=3.9\"\ngroups = [\"main\"]\nfiles = [\n    {file = \"x-1.0-py3-none-any.whl\", hash = \"sha256:%[2]s\"},\n]\n\n[package.source]\ntype = \"legacy\"\nurl = \"http://%[1]s/simple\"\nreference = \"x\"\n\n[metadata]\nlock-version = \"2.1\"\npython-versions = \">=3.9\"\ncontent-hash = \"%[2]s\"\n", host, digest)},
		"pylock": {"pylock.toml": fmt.Sprintf("lock-version = \"1.0\"\ncreated-by = \"x\"\n\n[[packages]]\nname = \"x\"\nversion = \"1.0\"\nindex = \"http://%[1]s/simple\"\n\n[[packages.wheels]]\nname = \"x-1.0-py3-none-any.whl\"\nurl = \"http://%[1]s/x-1.0-py3-none-any.whl\"\n[packages.wheels.hashes]\nsha256 = \"%[2]s\"\n", host, digest)},
	} {
		p := w.open(files)
		run := w.want(p, "action_required", name+":")
		if run.Conclusion == "action_required" && !strings.Contains(w.comment(p), "unverified") && !strings.Contains(w.comment(p), "guard-changed") {
			t.Errorf("%s: nothing says what was not looked at:\n%s", name, w.comment(p))
		}
	}
	// The registry itself, or somebody in its place, sends elsewhere.
	w.registry.Inject(registrytest.Fault{Path: "**/grabber-2.0.0.crate", Redirect: "http://" + host + "/crate"})
	w.registry.Inject(registrytest.Fault{Path: "**/bu/il/builder", Redirect: "http://" + host + "/index"})
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0", "builder@1.0.0")})
	w.want(p, "action_required", "after redirects of the registry:")
	if comment := w.comment(p); !strings.Contains(comment, "unverified") {
		t.Errorf("redirected: nothing says what was not looked at:\n%s", comment)
	}
	if n := trap.Visits(); n != 0 {
		t.Errorf("promise 5: a host that nobody configured was contacted %d times", n)
	}
	// The trap does notice visitors.
	if resp, err := http.Get("http://" + host); err == nil {
		resp.Body.Close()
	}
	if trap.Visits() == 0 {
		t.Error("the trap notices nobody")
	}
}
