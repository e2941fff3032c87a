package server_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server"
)

// TestModel drives the real server through random histories of a repository, with
// deliveries that arrive late, twice and in any order, and compares it with the
// oracle. At any time a check that passes must be one that the oracle passed when the
// server last looked: nothing is merged unsigned, signed by the wrong person, or
// signed for something else. Once all deliveries have arrived every check says what
// the oracle says, without anybody pressing anything.
//
// -rapid.checks=500 looks longer. testdata/rapid has histories in which server and
// oracle once disagreed; they are run first.
func TestModel(t *testing.T) {
	tt := t
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		must(t, checks.Value.Set("8"))
		defer checks.Value.Set(checks.DefValue)
	}
	var w *world
	n, stats := 0, map[string]int{}
	defer func() { t.Logf("%d histories: %v", n, stats) }()
	rapid.Check(t, func(t *rapid.T) {
		n++
		// The App's assertions tell the real time, and GitHub's clock runs ahead of it.
		if w == nil || w.clock.Now().After(time.Now().Add(4*time.Minute)) {
			// Nor is anything recorded: whether the App may, it asks in its own name, and
			// the clock may run ahead of such an assertion within one history.
			w = newWorldWith(tt, somePolicy, githubtest.Config{}, func(c *server.Config) { c.NoRecord = true })
			w.log.stop()
		}
		m := newModel(t, w, fmt.Sprintf("model-%d", n))
		m.stats = stats
		defer m.end()
		actions := rapid.StateMachineActions(m)
		for _, often := range []string{"Comment", "Drain", "Review", "Update", "Rules"} {
			actions["Again"+often] = actions[often]
		}
		t.Repeat(actions)
		m.drain()
	})
}

var modelPeople = []string{"author", "helper", "reviewer", "second", "outsider", "renovate[bot]"}

type model struct {
	t       *rapid.T
	w       *world
	repo    *githubtest.Repo
	commits graph
	tips    map[string]string // of base branches
	roles   map[string]string
	turned  bool // roles changed since the last drain: no event tells of that
	pulls   []*mpull
	said    []said
	made    int // commits, for distinct messages
	legit   map[string]bool
	stats   map[string]int
}

type mpull struct {
	*githubtest.Pull
	author, branch, baseRef, head string
	file                          int // which of lockfiles it edits
	open                          bool
	shown                         []key // by the scan that was last published
	pending                       []*mcomment
	heard                         []*mcomment
	reviews                       []*mreview
}

type mcomment struct {
	comment         *githubtest.Comment
	by, verb        string
	keys            []key
	reason, altered bool
	told            bool // the delivery of its creation arrived
	at              int
}

func newModel(t *rapid.T, w *world, name string) *model {
	first := content{}
	for i := range first.locks {
		first.locks[i].quiet = "1.0.0"
	}
	m := &model{t: t, w: w, commits: graph{}, tips: map[string]string{}, legit: map[string]bool{}, roles: map[string]string{
		"owner": "admin", "author": "maintain", "helper": "maintain", "reviewer": "maintain", "second": "admin", "outsider": "read", "renovate[bot]": "admin",
	}}
	m.repo = w.github.AddRepo("owner", name, githubtest.RepoOptions{Files: m.files(first)})
	for who, role := range m.roles {
		m.repo.SetPermission(who, role)
	}
	m.tips["main"] = m.add(m.repo.Head("main"), nil, first, []string{"owner"})
	m.repo.Branch("lenient", "main")
	m.tips["lenient"] = m.tips["main"]
	w.github.Intercept(func(d githubtest.Delivery) githubtest.Plan {
		var payload struct{ Sender struct{ Login string } }
		must(w.t, json.Unmarshal(d.Payload, &payload))
		if d.RepositoryID != m.repo.ID || payload.Sender.Login == w.github.AppLogin() { // what the server does itself, when it comes to it
			return githubtest.Lose
		}
		return githubtest.Hold
	})
	lenient := first
	lenient.rules = 3
	m.tips["lenient"] = m.add(m.repo.Commit("lenient", githubtest.CommitSpec{Message: "Lenient", Author: "owner", Files: m.files(lenient)}), []string{m.tips["main"]}, lenient, []string{"owner"})
	m.Open(t)
	return m
}

func (m *model) end() { m.w.github.Intercept(nil) }

func (m *model) files(c content) map[string]string {
	files := map[string]string{policyFile: rulebooks[c.rules].text, allowFile: allows[c.allow].text}
	for i, l := range c.locks {
		var packages []string
		for _, p := range [][2]string{{"builder", l.builder}, {"grabber", l.grabber}, {"quiet", l.quiet}} {
			if p[1] != "" {
				packages = append(packages, p[0]+"@"+p[1])
			}
		}
		files[lockfiles[i]] = m.w.lock(packages...)
	}
	return files
}

func (m *model) add(sha string, parents []string, c content, hands []string) string {
	unknown := slices.ContainsFunc(hands, func(h string) bool { return strings.Contains(h, "<") })
	m.commits[sha] = &commit{sha: sha, parents: parents, content: c, hands: hands, unknown: unknown}
	return sha
}

// edited is a content like c that a pull request for that lockfile might have.
func (m *model) edited(t *rapid.T, c content, file int) content {
	l := &c.locks[file]
	switch rapid.IntRange(0, 9).Draw(t, "edit") {
	case 0, 1:
		l.builder = "1.0.0"
	case 2, 3, 4:
		l.grabber = rapid.SampledFrom([]string{"2.0.0", "2.0.1"}).Draw(t, "grabber")
	case 5:
		l.builder, l.grabber = "", ""
	case 6:
		l.quiet = "1.0.1"
	case 7, 8:
		if file == 0 { // two that edit one file would conflict for ever
			c.allow = rapid.IntRange(0, len(allows)-1).Draw(t, "allow")
		}
	case 9:
		if file == 0 {
			c.rules = rapid.IntRange(0, 3).Draw(t, "rules")
		}
	}
	return c
}

// spec is a commit by somebody, maybe with others' hands in it.
func (m *model) spec(t *rapid.T, c content) (githubtest.CommitSpec, []string) {
	m.made++
	s := githubtest.CommitSpec{Message: fmt.Sprintf("Change %d", m.made), Files: m.files(c)}
	s.Files[fmt.Sprintf("notes/%d.md", m.made)] = s.Message // so that no two commits are the same
	s.Author = rapid.SampledFrom(append([]string{"author", "author", "author", "Nobody <nobody@elsewhere.invalid>"}, modelPeople...)).Draw(t, "by")
	hands := []string{s.Author}
	switch rapid.IntRange(0, 5).Draw(t, "hands") {
	case 0:
		s.Committer = rapid.SampledFrom(modelPeople).Draw(t, "committer")
		hands = append(hands, s.Committer)
	case 1:
		other := rapid.SampledFrom([]string{"helper", "reviewer", "second"}).Draw(t, "co-author")
		s.Message += fmt.Sprintf("\n\nCo-authored-by: X <%d+%s@users.noreply.127.0.0.1>", m.w.ids[other], other)
		hands = append(hands, other)
	}
	return s, hands
}

// pull draws an open pull request.
func (m *model) pull(t *rapid.T) *mpull {
	var open []*mpull
	for _, p := range m.pulls {
		if p.open {
			open = append(open, p)
		}
	}
	if len(open) == 0 {
		t.Skip("no open pull request")
	}
	m.w.clock.Advance(time.Second)
	return rapid.SampledFrom(open).Draw(t, "pull")
}

func (m *model) Open(t *rapid.T) {
	file := 0
	for _, p := range m.pulls {
		if p.open && p.file == file {
			file++
		}
	}
	if file == len(lockfiles) || len(m.pulls) == 4 || len(m.pulls) > 0 && slices.ContainsFunc(m.pulls, func(p *mpull) bool { return p.open && p.file == file }) {
		t.Skip("enough")
	}
	branch := fmt.Sprintf("topic-%d", len(m.pulls))
	p := &mpull{author: rapid.SampledFrom([]string{"author", "author", "helper", "reviewer", "renovate[bot]"}).Draw(t, "author"), branch: branch, baseRef: "main", file: file, open: true}
	m.repo.Branch(branch, "main")
	c := m.edited(t, m.commits[m.tips["main"]].content, file)
	if rapid.IntRange(0, 2).Draw(t, "asks") > 0 {
		c.locks[file].builder, c.locks[file].grabber = "1.0.0", "2.0.0"
	}
	spec, hands := m.spec(t, c)
	p.head = m.add(m.repo.Commit(branch, spec), []string{m.tips["main"]}, c, hands)
	p.Pull = m.repo.OpenPull(p.author, branch, "main", "Change", "")
	m.pulls = append(m.pulls, p)
}

func (m *model) Push(t *rapid.T) {
	p := m.pull(t)
	c := m.edited(t, m.commits[p.head].content, p.file)
	spec, hands := m.spec(t, c)
	p.head = m.add(p.Pull.Push(spec), []string{p.head}, c, hands)
}

// Rebase is a force-push of one commit onto the tip, with the same or other content.
func (m *model) Rebase(t *rapid.T) {
	p := m.pull(t)
	tip := m.tips[p.baseRef]
	c := m.commits[tip].content
	c.locks[p.file] = m.commits[p.head].content.locks[p.file]
	if rapid.Bool().Draw(t, "changed") {
		c = m.edited(t, c, p.file)
	}
	spec, hands := m.spec(t, c)
	sha := m.repo.CommitOn(tip, spec)
	p.Pull.ForcePush(sha)
	p.head = m.add(sha, []string{tip}, c, hands)
}

// Update merges the base into the pull request, as the button does or by hand.
func (m *model) Update(t *rapid.T) {
	p := m.pull(t)
	if p.baseRef != "main" {
		t.Skip("histories that cross have several merge bases")
	}
	tip := m.tips[p.baseRef]
	if m.commits.reach(p.head)[tip] {
		t.Skip("up to date")
	}
	by := rapid.SampledFrom([]string{"reviewer", "second", "helper", "author"}).Draw(t, "by")
	c, clean := m.commits.merged(p.head, tip)
	parents := []string{p.head, tip}
	if clean && rapid.Bool().Draw(t, "button") {
		p.head = m.add(m.repo.MergeInto(p.branch, tip, by), parents, c, []string{by})
		return
	}
	if rapid.Bool().Draw(t, "ours") {
		c = m.commits[p.head].content
	}
	c = m.edited(t, c, p.file)
	spec, hands := m.spec(t, c)
	spec.Parents = []string{tip}
	p.head = m.add(p.Pull.Push(spec), parents, c, hands)
}

func (m *model) Retarget(t *rapid.T) {
	p := m.pull(t)
	p.baseRef = map[string]string{"main": "lenient", "lenient": "main"}[p.baseRef]
	p.Pull.Retarget(p.baseRef, p.author)
}

var commands = []struct{ line, verb, target string }{
	{`/lockkeeper sign-off all "I read it"`, "sign-off", "all"},
	{`/lockkeeper sign-off all "I read it"`, "sign-off", "all"},
	{`/lockkeeper signoff all`, "sign-off", "all"},
	{`/lockkeeper Sign off grabber fine by me`, "sign-off", "grabber"},
	{`/lockkeeper sign-off grabber@2.0.0 "this one"`, "sign-off", "grabber 2.0.0"},
	{"/lockkeeper sign-off builder `x`", "sign-off", "builder"},
	{`/lockkeeper sign-off .lockkeeper/allow.toml "ok"`, "sign-off", allowFile},
	{`/lockkeeper sign-off .lockkeeper/policy.toml "ok"`, "sign-off", policyFile},
	{`/lockkeeper reject grabber "it downloads"`, "reject", "grabber"},
	{`/lockkeeper withdraw all`, "withdraw", "all"},
	{`/lockkeeper withdraw grabber`, "withdraw", "grabber"},
	{`> /lockkeeper sign-off all "cited"`, "", ""},
	{`/lockkeeper sign-of all`, "", ""},
	{`/lockkeeper explain grabber`, "", ""},
	{`Looks good to me`, "", ""},
}

func (m *model) Comment(t *rapid.T) { m.comment(t, m.pull(t)) }

func (m *model) comment(t *rapid.T, p *mpull) {
	command := rapid.SampledFrom(commands).Draw(t, "command")
	c := &mcomment{by: rapid.SampledFrom(append([]string{"reviewer", "second", "helper"}, modelPeople...)).Draw(t, "by"), verb: command.verb, reason: !strings.HasSuffix(command.line, "all")}
	for _, k := range p.shown {
		version := k.what[strings.LastIndex(k.what, " ")+1:]
		if command.target == "all" || command.target == k.name || command.target == k.name+" "+version {
			c.keys = append(c.keys, k)
		}
	}
	m.made++
	c.at = m.made
	c.comment = p.Pull.Comment(c.by, command.line)
	if rapid.IntRange(0, 9).Draw(t, "at once") == 0 { // within the second of its creation
		c.altered = true
		c.comment.Edit("author", `/lockkeeper sign-off all "no, this"`)
		c.verb = cmp.Or(c.verb, "none")
	}
	if c.verb != "" && !strings.HasSuffix(c.by, "[bot]") {
		p.pending = append(p.pending, c)
	}
}

// Edit puts other words into a comment, or takes it away. Either does nothing to what
// was heard of it, and keeps what was not from being heard.
func (m *model) Edit(t *rapid.T) {
	p := m.pull(t)
	all := append(slices.Clone(p.pending), p.heard...)
	if len(all) == 0 {
		t.Skip("no comment")
	}
	c := rapid.SampledFrom(all).Draw(t, "comment")
	if c.altered {
		t.Skip("altered already")
	}
	c.altered = true
	if rapid.Bool().Draw(t, "delete") {
		c.comment.Delete("second")
		return
	}
	c.comment.Edit(rapid.SampledFrom([]string{c.by, "author"}).Draw(t, "editor"), `/lockkeeper sign-off all "no, this"`)
}

func (m *model) Review(t *rapid.T) {
	p := m.pull(t)
	by := rapid.SampledFrom(modelPeople).Draw(t, "by")
	state := rapid.SampledFrom([]string{"APPROVED", "APPROVED", "APPROVED", "CHANGES_REQUESTED", "COMMENTED"}).Draw(t, "state")
	if by == p.author && state != "COMMENTED" {
		t.Skip("GitHub does not take that")
	}
	at := p.head
	if own := m.own(change{tip: m.tips[p.baseRef], head: p.head}); len(own) > 1 && rapid.Bool().Draw(t, "older") {
		at = m.commits[p.head].parents[0]
	}
	r := &mreview{by: by, state: state, allow: m.commits[at].content.allow}
	r.review = p.Pull.Review(by, state, at, "")
	p.reviews = append(p.reviews, r)
}

func (m *model) Dismiss(t *rapid.T) {
	p := m.pull(t)
	if len(p.reviews) == 0 {
		t.Skip("no review")
	}
	r := rapid.SampledFrom(p.reviews).Draw(t, "review")
	if rapid.Bool().Draw(t, "only edited") {
		r.review.Edit("On second thought")
		return
	}
	if r.state != "COMMENTED" {
		r.state = "DISMISSED"
		r.review.Dismiss("second")
	}
}

// Rules changes allowlist or policy of a base branch.
func (m *model) Rules(t *rapid.T) {
	branch := rapid.SampledFrom([]string{"main", "main", "lenient"}).Draw(t, "branch")
	c := m.commits[m.tips[branch]].content
	if rapid.Bool().Draw(t, "allowlist") {
		c.allow = rapid.IntRange(0, len(allows)-1).Draw(t, "allow")
	} else {
		c.rules = rapid.SampledFrom([]int{0, 0, 1, 2, 3, 4}).Draw(t, "rules")
	}
	if c == m.commits[m.tips[branch]].content {
		t.Skip("the same")
	}
	m.made++
	m.tips[branch] = m.add(m.repo.Commit(branch, githubtest.CommitSpec{Message: fmt.Sprintf("Rules %d", m.made), Author: "owner", Files: m.files(c)}),
		[]string{m.tips[branch]}, c, []string{"owner"})
}

func (m *model) Role(t *rapid.T) {
	who := rapid.SampledFrom([]string{"reviewer", "second", "helper", "outsider"}).Draw(t, "who")
	m.roles[who] = rapid.SampledFrom([]string{"read", "write", "maintain", "admin"}).Draw(t, "role")
	m.repo.SetPermission(who, m.roles[who])
	m.turned = true
}

func (m *model) Reopen(t *rapid.T) {
	p := m.pull(t)
	p.Pull.Close("owner")
	p.open = false
	defer func() { // also when nothing is to be delivered
		p.Pull.Reopen("owner")
		p.open = true
	}()
	if rapid.Bool().Draw(t, "in between") {
		m.release(t)
	}
}

// Deliver lets some of the deliveries through, in any order, some of them twice.
func (m *model) Deliver(t *rapid.T) { m.release(t) }

// Drain lets all of them through.
func (m *model) Drain(*rapid.T) { m.drain() }

// Meanwhile does something to a pull request while the server scans it.
func (m *model) Meanwhile(t *rapid.T) {
	p := m.pull(t)
	m.drain()
	hold, reached := make(chan struct{}), make(chan struct{}, 1)
	at := rapid.SampledFrom([]string{"GET git/ref", "GET compare", "GET git/trees", "GET issues", "GET collaborators", "GET pulls", "PATCH check-runs", "POST issues", "PATCH issues", "POST check-runs"}).Draw(t, "at")
	method, part, _ := strings.Cut(at, " ")
	remove := m.w.github.AddFault(githubtest.Fault{Method: method, Path: "/repos/owner/" + m.repo.Name + "/" + part, Times: 1, Hold: hold, Match: func(r *http.Request) bool {
		select {
		case reached <- struct{}{}:
		default:
		}
		return true
	}})
	defer remove()
	m.comment(t, p)
	m.let(m.held())
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		m.w.rest()
	}()
	defer func() { // also when something below is skipped
		close(hold)
		<-idle
		m.settled()
		m.drain()
	}()
	select {
	case <-reached:
	case <-idle:
		m.settled()
	}
	m.w.clock.Advance(time.Second)
	switch rapid.IntRange(0, 4).Draw(t, "meanwhile") {
	case 0, 1:
		m.Push(t)
	case 2:
		m.Rebase(t)
	case 3:
		m.Review(t)
	case 4:
		m.comment(t, p)
	}
	m.let(m.held())
}

// Merge does what GitHub lets a maintainer do once the check has passed.
func (m *model) Merge(t *rapid.T) {
	p := m.pull(t)
	if p.baseRef != "main" {
		t.Skip("histories that cross have several merge bases")
	}
	c, clean := m.commits.merged(m.tips[p.baseRef], p.head)
	if m.w.newest(m.repo, p.head, "lockkeeper: "+p.baseRef).Conclusion != "success" || !clean {
		t.Skip("not mergeable")
	}
	m.passed(p)
	m.stats["merged"]++
	sha, err := p.Pull.Merge("owner")
	if err != nil {
		t.Fatal(err)
	}
	m.tips[p.baseRef] = m.add(sha, []string{m.tips[p.baseRef], p.head}, c, []string{"owner"})
	p.open = false
}

// Queue puts everything that passes into one group of the merge queue.
func (m *model) Queue(t *rapid.T) {
	m.drain()
	m.w.clock.Advance(time.Second)
	tip, head := m.tips["main"], m.tips["main"]
	var group []*mpull
	var pulls []*githubtest.Pull
	var shas []string
	for _, p := range m.pulls {
		if p.open && p.baseRef == "main" && m.w.newest(m.repo, p.head, mainCheck).Conclusion == "success" {
			c, clean := m.commits.merged(head, p.head)
			if !clean {
				continue
			}
			head = m.add(fmt.Sprintf("merge of %s and %s", head, p.head), []string{head, p.head}, c, []string{p.author})
			shas = append(shas, head)
			group, pulls = append(group, p), append(pulls, p.Pull)
		}
	}
	if len(group) == 0 {
		t.Skip("nothing to queue")
	}
	g := m.repo.MergeGroup(pulls...)
	m.releaseAll()
	run := m.w.newest(m.repo, g.Head, mainCheck)
	passes, certain := true, true
	for _, k := range findings(m.commits[tip].content, m.commits[head].content) {
		brought := slices.ContainsFunc(group, func(p *mpull) bool { return slices.Contains(p.shown, k) })
		certain = certain && brought // else everybody is barred who had a hand in any
		for _, p := range group {
			if (!brought || slices.Contains(p.shown, k)) && m.about(m.change(p), k) != "success" {
				passes = false
			}
		}
	}
	if got := run.Conclusion == "success"; got && !passes || !got && passes && certain {
		t.Fatalf("the group's check is %q (%s), want success: %v\n%s", run.Conclusion, run.Title, passes, run.Summary)
	}
	if run.Conclusion != "success" {
		m.stats["queued and refused"]++
		g.Dequeue()
		return
	}
	m.stats[fmt.Sprintf("queued %d and merged", len(group))]++
	must(m.w.t, g.Merge())
	// In reality GitHub's commit is the model's.
	for _, p := range group {
		p.open = false
	}
	m.tips["main"] = m.add(g.Head, m.commits[shas[len(shas)-1]].parents, m.commits[head].content, []string{group[0].author})
}

func (m *model) change(p *mpull) change {
	return change{tip: m.tips[p.baseRef], head: p.head, author: p.author, reviews: p.reviews}
}

func (m *model) mark(p *mpull) string { return p.head + " " + p.baseRef + " " + fmt.Sprint(p.Number) }

// Check holds after every action: what passes was once right to pass.
func (m *model) Check(t *rapid.T) {
	for _, p := range m.pulls {
		if p.open {
			m.passed(p)
		}
	}
}

func (m *model) passed(p *mpull) {
	run := m.w.newest(m.repo, p.head, "lockkeeper: "+p.baseRef)
	if run.Conclusion == "success" && !m.legit[m.mark(p)] {
		m.t.Fatalf("#%d passes (%s), and must not: the oracle says %s\n%s", p.Number, run.Title, m.verdict(m.change(p)), run.Summary)
	}
}

// release lets a random part of the held deliveries through.
func (m *model) release(t *rapid.T) {
	held := m.held()
	if len(held) == 0 {
		t.Skip("nothing to deliver")
	}
	held = rapid.Permutation(held).Draw(t, "order")
	held = held[:rapid.IntRange(1, len(held)).Draw(t, "how many")]
	m.let(held)
	if rapid.Bool().Draw(t, "twice") {
		m.w.github.Replay(held[0])
	}
	m.settled()
}

func (m *model) held() []int64 {
	var ids []int64
	for _, d := range m.w.github.Held() {
		ids = append(ids, d.ID)
	}
	return ids
}

// let delivers, and notes which comments the server is told of.
func (m *model) let(ids []int64) {
	for _, d := range m.w.github.Held() {
		if d.Event != "issue_comment" || d.Action != "created" || !slices.Contains(ids, d.ID) {
			continue
		}
		var payload struct{ Comment struct{ ID int64 } }
		must(m.w.t, json.Unmarshal(d.Payload, &payload))
		for _, p := range m.pulls {
			for _, c := range p.pending {
				c.told = c.told || c.comment.ID == payload.Comment.ID
			}
		}
	}
	if len(ids) > 0 { // without ids all would go
		m.w.github.Release(ids...)
	}
}

func (m *model) releaseAll() {
	m.let(m.held())
	m.settled()
}

// settled waits for the server, and follows what it looked at.
func (m *model) settled() {
	m.w.settle()
	requests := m.w.github.Requests()
	m.w.github.ResetRequests()
	looked := map[*mpull]bool{}
	for _, p := range m.pulls {
		path := fmt.Sprintf("/repos/owner/%s/pulls/%d", m.repo.Name, p.Number)
		if looked[p] = slices.ContainsFunc(requests, func(r githubtest.Request) bool { return r.Method == "GET" && r.Path == path }); looked[p] {
			m.scanned(p)
		}
	}
	for p, yes := range looked {
		if yes && p.open { // a closed one is not judged
			m.legit[m.mark(p)] = m.verdict(m.change(p)) == "success"
		}
	}
}

// scanned is what one scan does to what is known.
func (m *model) scanned(p *mpull) {
	if !p.open || rulebooks[m.commits[m.tips[p.baseRef]].content.rules].broken {
		return
	}
	p.pending = slices.DeleteFunc(p.pending, func(c *mcomment) bool {
		if !c.told {
			return false
		}
		if !c.altered {
			for _, k := range c.keys {
				m.said = append(m.said, said{at: c.at, by: c.by, verdict: c.verb, about: k, reason: c.reason})
			}
			p.heard = append(p.heard, c)
			m.stats["heard "+c.verb]++
		}
		return true
	})
	slices.SortStableFunc(m.said, func(a, b said) int { return cmp.Compare(a.at, b.at) })
	p.shown = findings(m.commits[m.commits.base(m.tips[p.baseRef], p.head)].content, m.commits[p.head].content)
}

// drain lets everything arrive, and compares.
func (m *model) drain() {
	m.releaseAll()
	if m.turned {
		m.turned = false
		for _, p := range m.pulls {
			if p.open {
				p.Pull.Comment("outsider", "/lockkeeper rescan")
			}
		}
		m.releaseAll()
	}
	for _, p := range m.pulls {
		if !p.open {
			continue
		}
		run := m.w.newest(m.repo, p.head, "lockkeeper: "+p.baseRef)
		m.stats["drained "+run.Conclusion]++
		if run.Conclusion == "success" && len(p.shown) > 0 {
			m.stats["drained success with findings"]++
		}
		if want := m.verdict(m.change(p)); run.Conclusion != want {
			text, _ := json.Marshal(m.said)
			m.t.Fatalf("with everything delivered the check of #%d is %q (%s), want %q\nsaid: %s\n%s", p.Number, run.Conclusion, run.Title, want, text, run.Summary)
		}
	}
}

// newest is the newest run of that name at a commit.
func (w *world) newest(repo *githubtest.Repo, sha, name string) githubtest.CheckRun {
	var newest githubtest.CheckRun
	for _, run := range repo.CheckRuns(sha) {
		if run.Name == name {
			newest = run
		}
	}
	return newest
}
