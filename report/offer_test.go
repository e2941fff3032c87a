package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/report/reporttest"
)

func TestRecordText(t *testing.T) {
	r := Record{
		Entries: []allowlist.Entry{
			{Package: "cargo/ring", Versions: "0.17", May: []buildcode.Capability{"compile", "run:perl"}, Reason: "assembles", SignedOffBy: "alice", SignedOffIn: "#812"},
			{Package: "cargo/cc", Publishers: []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "52"}}, SignedOffBy: "bob", SignedOffIn: "#813"},
		},
		Expiring:  []allowlist.Entry{{Package: "cargo/old", Line: 7, Expires: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}},
		Removable: []allowlist.Problem{{Kind: allowlist.Stale, Message: "the allow entry at line 9 is about cargo/gone, which no lockfile has any more: remove it"}},
		Reviewers: "anybody with maintain permission", Base: "main",
	}
	if r.Title() != "Allowlist: 2 sign-offs to record" || (Record{Entries: r.Entries[:1]}).Title() != "Allowlist: 1 sign-off to record" {
		t.Errorf("title %q", r.Title())
	}
	for _, want := range []string{
		"| cargo/ring 0.17 | may compile, run:perl | alice | #812 | assembles |", "cargo/cc &#40;every version&#41;", "publisher user:52",
		"approving review of a reviewer (anybody with maintain permission)", "line 7: `cargo/old`, on 2026-06-01", "lockkeeper allow prune", "cargo/gone",
	} {
		if !strings.Contains(r.Text(), want) {
			t.Errorf("lacks %q:\n%s", want, r.Text())
		}
	}
}

func TestPromise7OffersAreInert(t *testing.T) {
	for _, hostile := range reporttest.Nasty(t) {
		e := allowlist.Entry{Package: "cargo/" + hostile, Versions: hostile, Reason: hostile, SignedOffBy: hostile, SignedOffIn: hostile, BuildCode: lockkeeper.Sum(nil)}
		reporttest.CheckMarkdown(t, Record{
			Entries: []allowlist.Entry{e}, Unrecordable: []string{hostile}, Expiring: []allowlist.Entry{e}, Base: hostile, Reviewers: hostile,
			Removable: []allowlist.Problem{{Message: hostile}}, Foreign: &Foreign{Added: []allowlist.Entry{e}, Gone: []allowlist.Entry{e}, Broken: true},
		}.Text(), "table", "thead", "tbody", "tr", "th", "td", "strong", "ul", "li", "p", "code")
		reporttest.CheckMarkdown(t, Onboarding{Lockfiles: []string{hostile}, All: true, Seeded: []allowlist.Entry{e}, Unseeded: []string{hostile}, Base: hostile, Check: hostile}.Text(), "strong", "ul", "li", "p", "code")
	}
}

func TestOffersFitGitHub(t *testing.T) {
	var r Record
	var o Onboarding
	for i := range 5000 {
		e := allowlist.Entry{Package: fmt.Sprintf("cargo/%0200d", i), BuildCode: lockkeeper.Sum(nil), Reason: strings.Repeat("é", 500)}
		r.Entries, r.Expiring = append(r.Entries, e), append(r.Expiring, e)
		o.Seeded, o.Lockfiles, o.Unseeded = append(o.Seeded, e), append(o.Lockfiles, e.Package), append(o.Unseeded, e.Package)
	}
	o.All = true
	for name, text := range map[string]string{"record": r.Text(), "onboarding": o.Text()} {
		if n := len(text); n > 65_536 {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}
