package policy

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
)

// What a private registry does not tell is what the policy makes of it, for that
// registry alone.
func TestRegistries(t *testing.T) {
	p, err := Parse(Path, []byte(`
[rules]
unverified = "block"
[registries.corp]
unknown = "warn"
[registries."old.corp"]
unknown = "sign-off"
[[override]]
paths = ["strict/**"]
rules = { unverified = "sign-off" }
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		registry string
		unknown  bool
		lockfile string
		want     Level
		why      string
	}{
		{"corp", true, "Cargo.lock", WarnLevel, "what the registry corp does not tell warns, says the policy"},
		{"corp", false, "Cargo.lock", BlockLevel, "unverified blocks, says the policy"},
		{"corp", true, "strict/Cargo.lock", SignOffLevel, "override at line 8"},
		{"old.corp", true, "Cargo.lock", SignOffLevel, "asks for a sign-off, says the policy"},
		{"other", true, "Cargo.lock", BlockLevel, "unverified blocks"},
		{"", true, "Cargo.lock", BlockLevel, "unverified blocks"},
	} {
		f := Finding{Rule: Unverified, Registry: test.registry, Unknown: test.unknown, Lockfile: test.lockfile}
		if level, why := p.LevelFor(f); level != test.want || !strings.Contains(why, test.why) {
			t.Errorf("%+v: %s, %q", test, level, why)
		}
	}
	// Promise 3: without a word in the policy it is asked about.
	if level, _ := Default().LevelFor(Finding{Rule: Unverified, Registry: "corp", Unknown: true}); level != SignOffLevel {
		t.Errorf("by default it is %s", level)
	}
}

// Two registries may have a package of one name and version.
func TestPromise4ASignOffIsForOneRegistry(t *testing.T) {
	f := Finding{Rule: ReleaseMissing, Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI, Name: "a", Version: "1"}, Subject: "no release"}
	digests := map[lockkeeper.Digest]string{}
	for _, registry := range []string{"", "corp", "other"} {
		f.Registry = registry
		if before, twice := digests[f.Digest()]; twice {
			t.Errorf("a sign-off for %q holds for %q", before, registry)
		}
		digests[f.Digest()] = registry
	}
}
