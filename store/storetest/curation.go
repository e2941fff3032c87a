package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

func testSigned(t *testing.T, s *store.Store) {
	ctx := t.Context()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	row := func(pull int, digest lockkeeper.Digest, body string) store.Signed {
		return store.Signed{Pull: pull, Finding: digest, Body: []byte(body)}
	}
	want := func(base string, rows ...store.Signed) {
		t.Helper()
		got, err := s.ToRecord(ctx, 1, base)
		do(err)
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Errorf("to be recorded on %s (-want +got):\n%s", base, diff)
		}
	}
	do(s.PutSigned(ctx, 1, 7, "main", "old", []store.Signed{row(7, finding, "{}"), row(7, another, "{}")}))
	do(s.PutSigned(ctx, 1, 7, "main", "head", []store.Signed{row(7, finding, `{"a":1}`)})) // the newest scan counts
	do(s.PutSigned(ctx, 1, 8, "main", "head8", []store.Signed{row(8, another, "{}")}))
	do(s.PutSigned(ctx, 1, 9, "lts", "head9", []store.Signed{row(9, another, "{}")}))
	do(s.PutSigned(ctx, 2, 7, "main", "head", []store.Signed{row(7, another, "{}")}))
	want("main")
	if pulls, err := s.OpenSigned(ctx, 1, "main"); err != nil || !cmp.Equal(pulls, []int{7, 8}) {
		t.Errorf("open: %v, %v", pulls, err)
	}
	do(s.EndSigned(ctx, 1, 7, true, "head"))
	do(s.EndSigned(ctx, 1, 7, true, "head")) // twice is once
	do(s.EndSigned(ctx, 1, 8, false, "head8"))
	do(s.EndSigned(ctx, 1, 9, true, "another head"))
	want("main", row(7, finding, `{"a":1}`))
	want("lts")
	do(s.PutSigned(ctx, 1, 7, "main", "head", nil)) // a scan that comes late
	want("main", row(7, finding, `{"a":1}`))
	do(s.SettleSigned(ctx, 1, []store.Signed{row(7, finding, "")}, true))
	want("main")
	do(s.SettleSigned(ctx, 1, []store.Signed{row(7, finding, "")}, false))
	do(s.PutSigned(ctx, 1, 7, "main", "head", []store.Signed{row(7, finding, "{}")})) // declined is declined
	do(s.EndSigned(ctx, 1, 7, true, "head"))
	want("main")
	do(s.PutSigned(ctx, 1, 8, "main", "head8", []store.Signed{row(8, another, "{}")}))
	do(s.EndSigned(ctx, 1, 8, true, "head8"))
	do(s.SettleSigned(ctx, 1, []store.Signed{row(8, another, "")}, false))
	want("main")
}

func testOffers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if _, found, err := s.Offer(ctx, 1, store.AllowlistOffer, "main"); found || err != nil {
		t.Errorf("before: %t, %v", found, err)
	}
	for _, o := range []store.Offer{
		{Kind: store.AllowlistOffer, BaseRef: "main", Pull: 3, State: store.OfferOpen},
		{Kind: store.AllowlistOffer, BaseRef: "lts", Pull: 4, State: store.OfferOpen},
		{Kind: store.OnboardingOffer, BaseRef: "main", Pull: 1, State: store.OfferDeclined},
		{Kind: store.AllowlistOffer, BaseRef: "main", Pull: 3, State: store.OfferClosed},
	} {
		if err := s.PutOffer(ctx, 1, o); err != nil {
			t.Fatal(err)
		}
		if got, found, err := s.Offer(ctx, 1, o.Kind, o.BaseRef); !found || err != nil || got != o {
			t.Errorf("got %+v, %t, %v, want %+v", got, found, err, o)
		}
	}
	if got, _, _ := s.Offer(ctx, 1, store.AllowlistOffer, "lts"); got.Pull != 4 {
		t.Errorf("another branch: %+v", got)
	}
}

func testRulesSeen(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if seen, err := s.RulesSeen(ctx, 1, "main"); err != nil || seen != (store.RulesSeen{}) {
		t.Errorf("before: %+v, %v", seen, err)
	}
	for _, want := range []store.RulesSeen{{Commit: "a", Policy: "b"}, {Commit: "c", Policy: "b", Allowlist: "d"}} {
		if err := s.PutRulesSeen(ctx, 1, "main", want); err != nil {
			t.Fatal(err)
		}
		if seen, err := s.RulesSeen(ctx, 1, "main"); err != nil || seen != want {
			t.Errorf("got %+v, %v, want %+v", seen, err, want)
		}
	}
}

func events(t *testing.T, s *store.Store, since time.Time, repository string) []store.Event {
	t.Helper()
	var all []store.Event
	if err := s.Events(t.Context(), since, repository, func(e store.Event) error {
		if len(all) > 0 && e.ID <= all[len(all)-1].ID {
			t.Errorf("event %d comes after %d", e.ID, all[len(all)-1].ID)
		}
		e.ID = 0
		all = append(all, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func testAudit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if err := s.PutRepository(ctx, store.Repository{ID: 1, Owner: "Acme", Name: "widget", Installation: 5}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutFindings(ctx, 1, []store.Finding{{Digest: finding, Rule: "build-code-added", Package: "pkg:cargo/ring@1.0.0"}, {Digest: finding, Rule: "other"}}); err != nil {
		t.Fatal(err)
	}
	said, no := statement(finding, policy.SignOff, 1), statement(another, policy.Reject, 2)
	said.Reason, no.Reason = "because é", "because é"
	add(t, s, 1, said, "comment:1", true)
	add(t, s, 1, said, "comment:1", false) // delivered again
	add(t, s, 1, no, "comment:2", true)
	change := store.Event{
		RepoID: 2, Kind: store.AuditAllowlistAdded, Package: ".lockkeeper/allow.toml", Detail: "[[allow]]\n\x00", Where: "https://example.invalid/c", At: noon.Add(time.Hour),
	}
	for range 2 {
		if err := s.AddEvent(ctx, change, "commit:1"); err != nil {
			t.Fatal(err)
		}
	}
	change.Detail = "[[allow]]\n\uFFFD"
	first := store.Event{
		RepoID: 1, Repository: "Acme/widget", Pull: 7, Kind: store.AuditSignOff, By: 1, Login: "user1", Finding: finding, Rule: "build-code-added",
		Package: "pkg:cargo/ring@1.0.0", Reason: "because é", Where: "https://example.invalid/1", At: noon,
	}
	second := first
	second.Kind, second.By, second.Login, second.Finding, second.Rule, second.Package = store.AuditReject, 2, "user2", another, "", ""
	if diff := cmp.Diff([]store.Event{first, second, change}, events(t, s, time.Time{}, "")); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]store.Event{change}, events(t, s, noon.Add(time.Minute), "")); diff != "" {
		t.Errorf("later ones (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]store.Event{first, second}, events(t, s, time.Time{}, "acme/WIDGET")); diff != "" {
		t.Errorf("of one repository (-want +got):\n%s", diff)
	}
}

func testAuditForever(t *testing.T, s *store.Store) {
	add(t, s, 1, statement(finding, policy.SignOff, 1), "comment:1", true)
	for statement, want := range map[string]string{
		`UPDATE audit SET login = 'somebody else'`: "never changed",
		`DELETE FROM audit`:                        "never deleted",
		`DELETE FROM audit WHERE repo_id = 1`:      "never deleted",
	} {
		if _, err := s.DB().ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if all := events(t, s, time.Time{}, ""); len(all) != 1 || all[0].Login != "user1" {
		t.Errorf("afterwards: %+v", all)
	}
}
