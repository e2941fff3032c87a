package server_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// What follows is the specification once more, over the model's own state and in
// other words than package policy has: who wrote what, what must be signed, and what
// everybody said. It knows the crates of the tests, of which builder and grabber run
// code while they are built.

// content is all that matters of a commit's files.
type content struct {
	locks [2]lock
	allow int // index of allows
	rules int // index of rulebooks
}

type lock struct{ builder, grabber, quiet string } // versions; "" where it is not locked

var lockfiles = [2]string{"Cargo.lock", "tools/Cargo.lock"}

const (
	policyFile = ".lockkeeper/policy.toml"
	allowFile  = ".lockkeeper/allow.toml"
)

// allows are the allowlists: which crates they admit.
var allows = []struct {
	admits []string
	text   string
}{
	{nil, "# Nothing yet.\n"},
	{[]string{"builder"}, "[[allow]]\npackage = \"cargo/builder\"\nmay = [\"compile\"]\nreason = \"compiles a.c\"\n"},
	{[]string{"grabber"}, "[[allow]]\npackage = \"cargo/grabber\"\nany = true\nreason = \"we know it\"\n"},
	{[]string{"builder", "grabber"}, "[[allow]]\npackage = \"cargo/builder\"\nmay = [\"compile\"]\nreason = \"compiles a.c\"\n\n[[allow]]\npackage = \"cargo/grabber\"\nany = true\nreason = \"we know it\"\n"},
}

// rulebooks are the policies: whom they let sign, and what for.
var rulebooks = []struct {
	needs   string   // role of reviewers
	users   []string // or these alone
	count   int
	reason  bool
	lenient bool // build code is only shown
	broken  bool
	text    string
}{
	{needs: "maintain", count: 1, text: "[reviewers]\npermission = \"maintain\"\n"},
	{needs: "maintain", count: 2, text: "[reviewers]\npermission = \"maintain\"\ncount = 2\n"},
	{users: []string{"reviewer", "helper"}, count: 1, reason: true, text: "[reviewers]\nusers = [\"reviewer\", \"helper\"]\nreason = \"required\"\n"},
	{needs: "admin", count: 1, lenient: true, text: "[reviewers]\npermission = \"admin\"\n[rules]\nbuild-code-added = \"warn\"\nbuild-code-gained = \"warn\"\nbuild-code-changed = \"warn\"\ncapability-gained = \"warn\"\n"},
	{broken: true, text: "[rulez]\n"},
}

// key is one thing to sign: a release that comes in or takes another's place, or a
// file of rules as it is.
type key struct{ name, what string }

type commit struct {
	sha     string
	parents []string
	content content
	hands   []string // author, committer, co-authors
	unknown bool     // one of them is nobody known
}

type graph map[string]*commit

func (g graph) reach(sha string) map[string]bool {
	seen := map[string]bool{}
	for next := []string{sha}; len(next) > 0; next = next[1:] {
		if !seen[next[0]] {
			seen[next[0]] = true
			next = append(next, g[next[0]].parents...)
		}
	}
	return seen
}

// base is the common ancestor that no other one descends from.
func (g graph) base(a, b string) string {
	of, best := g.reach(b), ""
	for sha := range g.reach(a) {
		if of[sha] && (best == "" || g.reach(sha)[best]) {
			best = sha
		}
	}
	return best
}

// merged is what merging gives, file by file.
func (g graph) merged(a, b string) (content, bool) {
	one, other, base := g[a].content, g[b].content, g[g.base(a, b)].content
	clean := true
	out := one
	for i := range out.locks {
		out.locks[i] = pick(one.locks[i], other.locks[i], base.locks[i], &clean)
	}
	out.allow = pick(one.allow, other.allow, base.allow, &clean)
	out.rules = pick(one.rules, other.rules, base.rules, &clean)
	return out, clean
}

func pick[T comparable](one, other, base T, clean *bool) T {
	switch {
	case one == other, other == base:
		return one
	case one == base:
		return other
	}
	*clean = false
	return one
}

// touches reports whether the commit itself changes anything that is watched.
func (g graph) touches(c *commit) bool {
	if len(c.parents) == 1 {
		return c.content != g[c.parents[0]].content
	}
	want, clean := g.merged(c.parents[0], c.parents[1])
	return !clean || c.content != want
}

// findings are what a change from base to head must be asked about.
func findings(base, head content) []key {
	var keys []key
	for i := range head.locks {
		before, now := base.locks[i], head.locks[i]
		for _, r := range [][3]string{{"builder", before.builder, now.builder}, {"grabber", before.grabber, now.grabber}} {
			if name, old, version := r[0], r[1], r[2]; version != "" && version != old {
				kind := "added"
				if old != "" {
					kind = "changed"
				}
				keys = append(keys, key{name, kind + " " + version})
			}
		}
	}
	if base.allow != head.allow {
		keys = append(keys, key{allowFile, fmt.Sprint(head.allow)})
	}
	if base.rules != head.rules {
		keys = append(keys, key{policyFile, fmt.Sprint(head.rules)})
	}
	return keys
}

// said is one verdict. What people said later comes later.
type said struct {
	at          int
	by, verdict string
	about       key
	reason      bool
}

type mreview struct {
	by, state string
	allow     int // the allowlist at the commit reviewed
	review    *githubtest.Review
}

// change is what is judged: a pull request, or one of a group as it bears on it.
type change struct {
	tip, head string
	author    string
	reviews   []*mreview
}

var ranks = []string{"none", "read", "triage", "write", "maintain", "admin"}

// rights says of somebody whether they have a say here, and a hand in the change.
func (m *model) rights(c change, who string) (voice, stranger bool) {
	book := rulebooks[m.commits[c.tip].content.rules]
	if book.users != nil {
		voice = slices.Contains(book.users, who)
	} else {
		voice = slices.Index(ranks, m.roles[who]) >= slices.Index(ranks, book.needs)
	}
	stranger = who != c.author && !strings.HasSuffix(who, "[bot]")
	for sha := range m.own(c) {
		if commit := m.commits[sha]; m.commits.touches(commit) && slices.Contains(commit.hands, who) {
			stranger = false
		}
	}
	return voice && stranger, stranger
}

// own are the commits that head has and tip has not.
func (m *model) own(c change) map[string]bool {
	own, known := m.commits.reach(c.head), m.commits.reach(c.tip)
	for sha := range known {
		delete(own, sha)
	}
	return own
}

// unknown reports whether somebody nobody knows had a hand in the change.
func (m *model) unknown(c change) bool {
	for sha := range m.own(c) {
		if m.commits[sha].unknown && m.commits.touches(m.commits[sha]) {
			return true
		}
	}
	return false
}

// verdict on the whole of a change: success, action_required or failure.
func (m *model) verdict(c change) string {
	tip := m.commits[c.tip].content
	if rulebooks[tip.rules].broken {
		return "failure"
	}
	out := "success"
	for _, k := range findings(m.commits[m.commits.base(c.tip, c.head)].content, m.commits[c.head].content) {
		switch m.about(c, k) {
		case "failure":
			return "failure"
		case "action_required":
			out = "action_required"
		}
	}
	return out
}

// about decides on one finding.
func (m *model) about(c change, k key) string {
	tip, head := m.commits[c.tip].content, m.commits[c.head].content
	book := rulebooks[tip.rules]
	isPackage := k.name == "builder" || k.name == "grabber"
	if book.lenient && isPackage {
		return "success"
	}
	signed, rejected := map[string]bool{}, map[string]bool{}
	unknown := m.unknown(c)
	for _, s := range m.said {
		if s.about != k {
			continue
		}
		voice, stranger := m.rights(c, s.by)
		switch s.verdict {
		case "sign-off":
			if voice && !unknown && (s.reason || !book.reason) {
				signed[s.by] = true
				delete(rejected, s.by)
			}
		case "reject":
			if voice {
				rejected[s.by] = true
				delete(signed, s.by)
			}
		case "withdraw":
			delete(signed, s.by)
			delete(rejected, s.by)
			if m.roles[s.by] == "admin" && stranger && !unknown {
				clear(rejected)
			}
		}
	}
	admitted := isPackage && slices.Contains(allows[tip.allow].admits, k.name)
	proposed := head.allow != tip.allow && (isPackage && slices.Contains(allows[head.allow].admits, k.name) || k.name == allowFile)
	if proposed && !admitted {
		last := map[string]*mreview{}
		for _, r := range c.reviews {
			if r.state != "COMMENTED" {
				last[r.by] = r
			}
		}
		for who, r := range last {
			voice, _ := m.rights(c, who)
			if r.state == "APPROVED" && r.allow == head.allow && voice && !unknown && !rejected[who] {
				signed[who] = true
			}
		}
	}
	switch {
	case len(rejected) > 0:
		return "failure"
	case admitted || len(signed) >= book.count:
		return "success"
	}
	return "action_required"
}
