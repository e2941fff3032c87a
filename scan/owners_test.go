package scan_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

const ownedCrates = `
-- registry.toml --
[crates."a@1.0.0"]
published = 2024-01-01T00:00:00Z
publisher = "user:1 founder"
[crates."a@1.0.1"]
published = 2026-01-01T00:00:00Z
publisher = "user:1 founder"
[crates."a@1.0.2"]
published = 2026-05-20T00:00:00Z
publisher = "user:2 stranger"
`

// ownedWorld scans updates of one crate under a clock.
type ownedWorld struct {
	t       *testing.T
	server  *registrytest.Server
	scanner *scan.Scanner
	now     time.Time
}

func newOwnedWorld(t *testing.T) *ownedWorld {
	server, scanner := newScanner(t, []byte(ownedCrates+plainCrate("a", "1.0.0")+plainCrate("a", "1.0.1")+plainCrate("a", "1.0.2")))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "lockkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	scanner.Owners = db
	w := &ownedWorld{t: t, server: server, scanner: scanner, now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	scanner.Now = func() time.Time { return w.now }
	return w
}

func (w *ownedWorld) own(owners ...string) {
	w.t.Helper()
	var all []lockkeeper.Principal
	for _, text := range owners {
		id, login, _ := strings.Cut(text, " ")
		all = append(all, lockkeeper.Principal{Kind: lockkeeper.User, ID: id, Login: login})
	}
	w.server.SetOwners(lockkeeper.Cargo, "a", all)
}

func (w *ownedWorld) update(from, to string, rules ...policy.Rule) ([]string, bool) {
	w.t.Helper()
	expand := func(lock []byte) memoryTree {
		text, err := w.server.Expand(string(lock))
		if err != nil {
			w.t.Fatal(err)
		}
		return memoryTree{"Cargo.lock": []byte(text)}
	}
	result, err := w.scanner.Run(w.t.Context(), scan.Input{
		Base: expand(crateLock("app 0.1.0: a", "a "+from)), Head: expand(crateLock("app 0.1.0: a", "a "+to)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return said(result, append(rules, policy.OwnersChanged)...), result.Retry
}

func (w *ownedWorld) want(got []string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOwners(t *testing.T) {
	w := newOwnedWorld(t)
	w.own("1 founder", "3 helper")
	found, _ := w.update("1.0.0", "1.0.1")
	w.want(found) // the first look has nothing to compare with

	w.now = w.now.Add(10 * 24 * time.Hour)
	w.own("1 founder", "2 stranger")
	found, _ = w.update("1.0.0", "1.0.1")
	w.want(found, "owners-changed a: has a new owner, user:2 (stranger) (an owner since 2026-05-11 00:00; no owner any more: user:3 (helper), last seen before 2026-05-11 00:00) grave false")

	// Somebody else's scan has seen it; it is new all the same.
	w.now = w.now.Add(time.Hour)
	w.server.Forget()
	found, _ = w.update("1.0.0", "1.0.1")
	w.want(found, "owners-changed a: has a new owner, user:2 (stranger) (an owner since 2026-05-11 00:00; no owner any more: user:3 (helper), last seen before 2026-05-11 00:00) grave false")
	for _, r := range w.server.Requests() {
		if strings.HasSuffix(r.Path, "/owners") {
			t.Error("owners that were looked at an hour ago were asked for again")
		}
	}

	// The stranger publishes: one question, with both pieces of evidence.
	w.now = w.now.Add(30 * 24 * time.Hour)
	found, _ = w.update("1.0.1", "1.0.2", policy.PublisherChanged)
	if len(found) != 1 || !strings.HasPrefix(found[0], "publisher-changed a: ") || !strings.Contains(found[0], "an owner since 2026-05-11 00:00; no owner any more: user:3 (helper)") {
		t.Errorf("found %q", found)
	}

	w.now = w.now.Add(100 * 24 * time.Hour)
	found, _ = w.update("1.0.0", "1.0.1")
	w.want(found) // long ago

	w.own("1 founder")
	w.now = w.now.Add(48 * time.Hour)
	found, _ = w.update("1.0.0", "1.0.1")
	w.want(found, "owners-changed a: lost an owner: user:2 (stranger) (no owner any more: user:2 (stranger), last seen before 2026-09-20 01:00) grave false")

	w.own("1 founder", "3 helper")
	w.now = w.now.Add(48 * time.Hour)
	found, _ = w.update("1.0.1", "1.0.0")
	w.want(found, "owners-changed a: lost an owner: user:2 (stranger) (no owner any more: user:2 (stranger), last seen before 2026-09-20 01:00) grave false") // who comes back is not new
}

// TestOwnersWhoPublished: the new owner had published before, as a member of a team
// may have, and now owns the package.
func TestOwnersWhoPublished(t *testing.T) {
	w := newOwnedWorld(t)
	w.own("3 helper")
	w.update("1.0.0", "1.0.1")
	w.now = w.now.Add(48 * time.Hour)
	w.own("3 helper", "1 founder")
	found, _ := w.update("1.0.0", "1.0.1")
	w.want(found, "owners-changed a: has a new owner, user:1 (founder), who published this release (an owner since 2026-05-03 00:00) grave true")
}

// TestANewerReleaseIsLookedAtAgain: a look before the release says nothing of who
// could publish it, however fresh it is.
func TestANewerReleaseIsLookedAtAgain(t *testing.T) {
	w := newOwnedWorld(t)
	w.now = time.Date(2026, 5, 19, 23, 0, 0, 0, time.UTC) // an hour before 1.0.2
	w.own("1 founder")
	w.update("1.0.0", "1.0.1")
	w.own("1 founder", "2 stranger")
	w.now = w.now.Add(2 * time.Hour)
	found, _ := w.update("1.0.0", "1.0.1")
	w.want(found) // that release is older than the look
	found, _ = w.update("1.0.1", "1.0.2", policy.PublisherChanged)
	if len(found) != 1 || !strings.Contains(found[0], "an owner since 2026-05-20 01:00") {
		t.Errorf("found %q", found)
	}
}

// TestMadeAgain: trust in a package does not go over to another one of its name.
func TestMadeAgain(t *testing.T) {
	w := newOwnedWorld(t)
	w.own("1 founder")
	w.now = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC) // before the oldest release of now
	if _, err := w.scanner.Owners.PutOwners(t.Context(), "cargo/a", []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "1"}}, w.now); err != nil {
		t.Fatal(err)
	}
	w.now = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	found, _ := w.update("1.0.0", "1.0.1")
	if len(found) != 1 || !strings.Contains(found[0], "was deleted and made again") || !strings.HasSuffix(found[0], "grave true") {
		t.Errorf("found %q", found)
	}
}

// TestMadeAgainByTheLockfile: that the registry no longer has what was locked is seen
// without any memory. Nothing of the new crate is compared with the old one.
func TestMadeAgainByTheLockfile(t *testing.T) {
	const script = "-- crates/a/1.1.0/Cargo.toml --\n[package]\nname = \"a\"\nversion = \"1.1.0\"\nbuild = \"build.rs\"\n-- crates/a/1.1.0/build.rs --\nfn main() {}\n"
	for name, test := range map[string]struct {
		now  string // what the registry has beside 1.1.0
		want []string
	}{
		"as it was": {plainCrate("a", "1.0.0"), []string{"build-code-gained a: ran nothing while being built before and now runs a build script () grave false"}},
		"another under the same version": {strings.Replace(plainCrate("a", "1.0.0"), "Nothing", "Another", 1), []string{
			"build-code-added a: is new here and runs a build script () grave false",
			"owners-changed a: was deleted and made again: what was known of its owners and publishers is about another package of this name (the registry's 1.0.0 has the checksum OTHER, and the one that was locked LOCKED) grave true",
		}},
		"none under that version": {"", []string{
			"build-code-added a: is new here and runs a build script () grave false",
			"release-missing a: takes the place of 1.0.0, which is not in the registry any more (either that version was taken down for what it did, or the crate was deleted and made again, and is another one of this name) grave false",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			statements := "-- registry.toml --\n[crates.\"a@1.1.0\"]\npublished = 2026-01-01T00:00:00Z\npublisher = \"user:9 stranger\"\n"
			before, _ := newScanner(t, []byte(plainCrate("a", "1.0.0")))
			after, scanner := newScanner(t, []byte(statements+script+test.now))
			expand := func(s *registrytest.Server, version string) memoryTree {
				text, err := s.Expand(string(crateLock("app 0.1.0: a", "a "+version)))
				if err != nil {
					t.Fatal(err)
				}
				return memoryTree{"Cargo.lock": []byte(text)}
			}
			result, err := scanner.Run(t.Context(), scan.Input{Base: expand(before, "1.0.0"), Head: expand(after, "1.1.0")})
			if err != nil {
				t.Fatal(err)
			}
			got := said(result, policy.OwnersChanged, policy.ReleaseMissing, policy.PublisherChanged, policy.BuildCodeAdded, policy.BuildCodeGained)
			slices.Sort(got)
			for i := range got {
				got[i] = regexp.MustCompile(`checksum [0-9a-f]{12}, and the one that was locked [0-9a-f]{12}`).ReplaceAllString(got[i], "checksum OTHER, and the one that was locked LOCKED")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestATimeThatIsMissingMakesNothingNew: the oldest releases of an index may have no
// time, and then it is not known when the package began.
func TestATimeThatIsMissingMakesNothingNew(t *testing.T) {
	w := newOwnedWorld(t)
	w.own("1 founder")
	if err := w.server.AddCrate(registrytest.Crate{Name: "a", Version: "0.9.0"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.scanner.Owners.PutOwners(t.Context(), "cargo/a", []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "1"}}, time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	found, _ := w.update("1.0.0", "1.0.1")
	w.want(found)
}

// TestPromise3UnknownOwnersAreSaid: a registry that does not answer is asked again.
func TestPromise3UnknownOwnersAreSaid(t *testing.T) {
	w := newOwnedWorld(t)
	w.server.Inject(registrytest.Fault{Path: "/api/v1/crates/a/owners", Status: http.StatusInternalServerError})
	found, retry := w.update("1.0.0", "1.0.1", policy.Unverified)
	if len(found) != 1 || !strings.Contains(found[0], "could not be asked for its owners") || !retry {
		t.Errorf("found %q, retry %t", found, retry)
	}
}

// TestSeededOwners: what the registry's own dump says of beginnings counts.
func TestSeededOwners(t *testing.T) {
	w := newOwnedWorld(t)
	w.own("1 founder", "2 stranger")
	db := w.scanner.Owners.(*store.Store)
	at := func(month int) time.Time { return time.Date(2026, time.Month(month), 1, 0, 0, 0, 0, time.UTC) }
	terms := []registry.Term{
		{Owner: lockkeeper.Principal{Kind: lockkeeper.User, ID: "1", Login: "founder"}, Since: at(-20)},
		{Owner: lockkeeper.Principal{Kind: lockkeeper.User, ID: "2", Login: "stranger"}, Since: at(3)},
	}
	if _, err := db.SeedOwners(t.Context(), map[string][]registry.Term{"cargo/a": terms}, at(4)); err != nil {
		t.Fatal(err)
	}
	found, _ := w.update("1.0.0", "1.0.1")
	w.want(found, "owners-changed a: has a new owner, user:2 (stranger) (an owner since 2026-03-01 00:00) grave false")
}

// TestLookAlikePublishers: dtolney is not dtolnay, who owns another package of the
// lockfile.
func TestLookAlikePublishers(t *testing.T) {
	text := "-- registry.toml --\n[crates.\"known@1.0.0\"]\npublished = 2024-01-01T00:00:00Z\npublisher = \"user:1 dtolnay\"\n[crates.\"fresh@1.0.0\"]\npublished = 2026-04-30T00:00:00Z\npublisher = \"user:2 dtolney\"\n" +
		plainCrate("known", "1.0.0") + plainCrate("fresh", "1.0.0")
	server, scanner := newScanner(t, []byte(text))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "lockkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	scanner.Owners = db
	scanner.Now = func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }
	look := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	if _, err := db.PutOwners(t.Context(), "cargo/known", []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "1", Login: "dtolnay"}}, look); err != nil {
		t.Fatal(err)
	}
	tree := func(lines ...string) memoryTree {
		text, err := server.Expand(string(crateLock(lines...)))
		if err != nil {
			t.Fatal(err)
		}
		return memoryTree{"Cargo.lock": []byte(text)}
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: tree("app 0.1.0: known", "known 1.0.0"), Head: tree("app 0.1.0: known fresh", "known 1.0.0", "fresh 1.0.0")})
	if err != nil {
		t.Fatal(err)
	}
	found := said(result, policy.ReleaseTooNew)
	if len(found) != 1 || !strings.Contains(found[0], "its publisher user:2 (dtolney) is not user:1 (dtolnay), who is known from other packages of this lockfile") {
		t.Errorf("found %q", found)
	}
}
