package githubtest

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// pullHead is the head of every page of a pull request.
type pullHead struct {
	Number               int
	Title, State, Author string // State: open, draft, closed, merged
	Actor                string // who merged it, or wants to
	Base, Head           string
	Commits, Files       int
	Additions, Deletions int
	Comments             int
	Opened               time.Time
	Path                 string
}

func (p *Pull) headView() pullHead {
	c := p.comparison()
	files := p.repo.comparisonDiff(c)
	h := pullHead{
		Number: p.Number, Title: p.title, State: p.state, Author: p.author.Login, Actor: p.author.Login, Base: p.baseRef, Head: p.headRef, Commits: len(c.ahead),
		Files: len(files), Comments: len(p.comments) + len(p.reviews), Opened: p.created, Path: fmt.Sprintf("/%s/pull/%d", p.repo.FullName(), p.Number),
	}
	h.Additions, h.Deletions = stats(files)
	if p.headRepo != p.repo {
		h.Head = p.headRepo.owner.Login + ":" + p.headRef
	}
	switch {
	case !p.merged.IsZero():
		h.State, h.Actor = "merged", p.mergedBy.Login
	case p.state == "open" && p.draft:
		h.State = "draft"
	}
	return h
}

// conversationView is a pull request's main page.
type conversationView struct {
	Pull      pullHead
	Events    []eventView
	Checks    checksView
	Merge     mergeView
	Reviewers []reviewerView
	People    []personView
}

// eventView is a comment, a review, pushed commits or a remark.
type eventView struct {
	id        int64
	Anchor    string
	Kind      string // comment, review, commits, note
	Author    string
	AvatarID  int64
	Bot       bool
	Badge     string // Author, Owner, Member
	Verb      string
	State     string // of a review: approved, changes_requested, commented, dismissed
	Body      template.HTML
	Commits   []commitView
	Reactions []string
	At        time.Time
	Edited    bool
}

type commitView struct {
	SHA, Short, Subject, Author string
	Known                       bool // GitHub can attribute it
}

type personView struct{ Login, Role string }

type reviewerView struct{ Login, State string }

func (r *Repo) commitView(c *object.Commit) commitView {
	subject, _, _ := strings.Cut(c.Message, "\n")
	v := commitView{SHA: c.Hash.String(), Short: c.Hash.String()[:7], Subject: subject, Author: c.Author.Name}
	if a := r.srv.accountByEmail(c.Author.Email); a != nil {
		v.Author, v.Known = a.Login, true
	}
	return v
}

func (p *Pull) conversationView() conversationView {
	v := conversationView{Pull: p.headView(), Checks: p.checksView()}
	v.Events = append(v.Events, p.event(p.author, eventView{
		Kind: "comment", Anchor: "top", Verb: "opened this", Body: p.repo.markdown(p.body), At: p.created,
	}))
	for _, h := range p.history {
		v.Events = append(v.Events, p.historyView(h))
	}
	for _, c := range p.comments {
		e := p.event(c.author, eventView{
			id: c.ID, Kind: "comment", Anchor: fmt.Sprintf("issuecomment-%d", c.ID), Verb: "commented", Body: p.repo.markdown(c.body), At: c.created,
			Edited: c.updated != c.created,
		})
		for _, r := range c.reactions {
			e.Reactions = append(e.Reactions, emoji[r.content]+" "+r.user.Login)
		}
		v.Events = append(v.Events, e)
	}
	for _, r := range p.reviews {
		v.Events = append(v.Events, p.event(r.author, eventView{
			id: r.ID, Kind: "review", Anchor: fmt.Sprintf("pullrequestreview-%d", r.ID), Verb: reviewVerbs[r.state] + " at " + r.commit.String()[:7],
			State: strings.ToLower(r.state), Body: p.repo.markdown(r.body), At: r.submitted,
		}))
	}
	slices.SortStableFunc(v.Events, func(a, b eventView) int { return cmp.Compare(a.id, b.id) })
	v.Merge = p.mergeView()
	v.Reviewers = p.reviewersView()
	for _, a := range p.repo.srv.people() {
		v.People = append(v.People, personView{a.Login, p.repo.role(a)})
	}
	return v
}

var reviewVerbs = map[string]string{
	"APPROVED": "approved these changes", "CHANGES_REQUESTED": "requested changes", "COMMENTED": "reviewed", "DISMISSED": "reviewed (dismissed since)",
}

var emoji = map[string]string{
	"+1": "👍", "-1": "👎", "laugh": "😄", "confused": "😕", "heart": "❤️", "hooray": "🎉", "rocket": "🚀", "eyes": "👀",
}

// event adds who it was to e.
func (p *Pull) event(by *account, e eventView) eventView {
	e.Author, e.AvatarID, e.Bot = strings.TrimSuffix(by.Login, "[bot]"), by.ID, by.kind == accountBot
	switch {
	case by == p.author:
		e.Badge = "Author"
	case p.repo.association(by) != "NONE":
		e.Badge = strings.ToUpper(p.repo.association(by)[:1]) + strings.ToLower(p.repo.association(by)[1:])
	}
	return e
}

func (p *Pull) historyView(h happening) eventView {
	e := p.event(h.by, eventView{id: h.id, Kind: "note", Verb: h.what, At: h.at})
	if h.what != "" {
		return e
	}
	e.Kind = "commits"
	_, related := p.repo.git.mergeBase(h.from, h.to)
	if !related || len(p.repo.git.between(h.to, h.from)) > 0 && e.id != p.history[0].id {
		e.Kind, e.Verb = "note", fmt.Sprintf("force-pushed from %s to %s", h.from.String()[:7], h.to.String()[:7])
		return e
	}
	for _, c := range p.repo.git.between(h.from, h.to) {
		e.Commits = append(e.Commits, p.repo.commitView(c))
	}
	e.Verb = "pushed " + plural(len(e.Commits), "commit")
	return e
}

func (p *Pull) reviewersView() []reviewerView {
	var all []reviewerView
	for _, a := range p.reviewers {
		all = append(all, reviewerView{a.Login, "awaited"})
	}
	for _, r := range slices.Backward(p.reviews) {
		named := func(v reviewerView) bool { return v.Login == r.author.Login }
		if !slices.ContainsFunc(all, named) {
			all = append(all, reviewerView{r.author.Login, strings.ToLower(strings.ReplaceAll(r.state, "_", " "))})
		}
	}
	return all
}

// checksView is the box of checks.
type checksView struct {
	Headline string
	State    string // success, neutral, pending, failure
	Running  bool   // a check run is under way, so the page is worth another look
	Lines    []checkLine
}

type checkLine struct {
	Name, App, Text  string
	State            string // success, neutral, pending, failure, attention
	Required         bool
	Link, DetailsURL string
}

// checkStates maps conclusions to how they look.
var checkStates = map[string]string{
	"success": "success", "neutral": "neutral", "skipped": "neutral", "failure": "failure", "cancelled": "failure", "timed_out": "failure",
	"action_required": "attention", "error": "failure", "pending": "pending",
}

func (p *Pull) checksView() checksView {
	required := p.repo.required(p.baseRef)
	var v checksView
	for _, c := range latestChecks(p.repo.checksOf(p.head)) {
		line := checkLine{
			Name: c.Name, App: c.app.slug, State: "pending", Text: c.Title, Required: slices.Contains(required, c.Name),
			Link: fmt.Sprintf("/%s/runs/%d", p.repo.FullName(), c.ID), DetailsURL: c.DetailsURL,
		}
		if c.Status == "completed" {
			line.State = checkStates[c.Conclusion]
		} else {
			v.Running = true
		}
		if line.Text == "" {
			line.Text = strings.ReplaceAll(cmp.Or(c.Conclusion, c.Status), "_", " ")
		}
		v.Lines = append(v.Lines, line)
	}
	for _, s := range latestStatuses(p.repo.statuses, p.head) {
		v.Lines = append(v.Lines, checkLine{
			Name: s.context, Text: cmp.Or(s.description, s.state), State: checkStates[s.state], Required: slices.Contains(required, s.context),
			DetailsURL: s.targetURL,
		})
	}
	for _, name := range required {
		named := func(l checkLine) bool { return l.Name == name }
		if !slices.ContainsFunc(v.Lines, named) {
			v.Lines = append(v.Lines, checkLine{Name: name, Text: "Expected: waiting to be reported", State: "pending", Required: true})
		}
	}
	v.sum()
	return v
}

func (v *checksView) sum() {
	counts := map[string]int{}
	for _, l := range v.Lines {
		counts[l.State]++
	}
	switch {
	case len(v.Lines) == 0:
		v.State, v.Headline = "neutral", "No checks have been reported"
	case counts["failure"]+counts["attention"] > 0:
		v.State, v.Headline = "failure", "Some checks were not successful"
	case counts["pending"] > 0:
		v.State, v.Headline = "pending", "Some checks haven't completed yet"
	default:
		v.State, v.Headline = "success", "All checks have passed"
	}
}

// mergeView is the button, and why it does or does not work.
type mergeView struct {
	Possible bool
	Reason   string
	Conflict bool
}

func (p *Pull) mergeView() mergeView {
	switch {
	case p.state != "open":
		return mergeView{}
	case p.testMerge().conflicts:
		return mergeView{Conflict: true, Reason: "This branch has conflicts that must be resolved"}
	case p.draft:
		return mergeView{Reason: "This pull request is still a draft"}
	case !p.requirementsMet():
		return mergeView{Reason: "Merging is blocked: a required check has not passed"}
	}
	return mergeView{Possible: true, Reason: "This branch has no conflicts with the base branch"}
}

// runView is a check run's page.
type runView struct {
	Run           CheckRun
	Title, Result string
	State         string
	Summary, Text template.HTML
	Pulls         []pullHead
	People        []personView
	Own           bool
}

func (c *CheckRun) runView() runView {
	v := runView{
		Run: c.snapshot(), Title: c.Title, State: "pending", Summary: c.repo.markdown(c.Summary), Text: c.repo.markdown(c.Text),
		Own: c.app == c.repo.srv.ownApp(), Result: strings.ReplaceAll(cmp.Or(c.Conclusion, c.Status), "_", " "),
	}
	if c.Status == "completed" {
		v.State = checkStates[c.Conclusion]
	}
	if v.Title == "" {
		v.Title = v.Result
	}
	for _, p := range c.repo.pulls {
		if p.head.String() == c.HeadSHA {
			v.Pulls = append(v.Pulls, p.headView())
		}
	}
	for _, a := range c.repo.srv.people() {
		v.People = append(v.People, personView{a.Login, c.repo.role(a)})
	}
	return v
}

// fileView is the diff of one file.
type fileView struct {
	Path, Previous, Status string
	Additions, Deletions   int
	Binary                 bool
	Lines                  []lineView
}

type lineView struct {
	Kind        string // context, add, del, hunk
	Old, New    int    // 0 for none
	Text        string
	Annotations []Annotation
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`)

// filesView lays out diffs; with at it adds the annotations of the check runs
// there.
func (r *Repo) filesView(files []fileDiff, at plumbing.Hash) []fileView {
	notes := map[string][]Annotation{}
	for _, c := range latestChecks(r.checksOf(at)) {
		for _, a := range c.Annotations {
			key := a.Path + ":" + strconv.Itoa(a.EndLine)
			notes[key] = append(notes[key], a)
		}
	}
	var out []fileView
	for _, f := range files {
		v := fileView{
			Path: f.path, Previous: f.previous, Status: f.status, Additions: f.additions, Deletions: f.deletions,
			Binary: f.patch == "" && f.status != "renamed",
		}
		oldLine, newLine := 0, 0
		for line := range strings.SplitSeq(f.patch, "\n") {
			if f.patch == "" {
				break
			}
			l := lineView{Text: line}
			switch m := hunkHeader.FindStringSubmatch(line); {
			case m != nil:
				l.Kind = "hunk"
				oldLine, _ = strconv.Atoi(m[1])
				newLine, _ = strconv.Atoi(m[2])
			case strings.HasPrefix(line, "+"):
				l.Kind, l.New = "add", newLine
				newLine++
			case strings.HasPrefix(line, "-"):
				l.Kind, l.Old = "del", oldLine
				oldLine++
			case strings.HasPrefix(line, `\`):
				l.Kind = "context"
			default:
				l.Kind, l.Old, l.New = "context", oldLine, newLine
				oldLine++
				newLine++
			}
			if l.New > 0 {
				l.Annotations = notes[f.path+":"+strconv.Itoa(l.New)]
			}
			v.Lines = append(v.Lines, l)
		}
		out = append(out, v)
	}
	return out
}
