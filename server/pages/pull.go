package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/html"
	"github.com/lockkeeper/lockkeeper/store"
)

// maxPageDiffs bounds the code on one page, in bytes; what is beyond has a page of
// its own.
const maxPageDiffs = 512 << 10

// details is the newest scan of a pull request.
type details struct {
	place  *place
	number int
	scan   store.Scan
	// report is nil while there is none of this scan: it was only begun, or nothing
	// could be judged.
	report *report.Report
}

// job is the queue's name for the pull request.
// job is about the pull request; person: somebody waits for it to be done.
func (d *details) job(person bool) queue.Job {
	return queue.Job{Kind: queue.Pull, Installation: d.place.Installation, RepoID: d.place.ID, Owner: d.place.Owner, Repo: d.place.Name, Pull: d.number, Person: person}
}

func (d *details) path() string { return PullURL("", d.place.Owner, d.place.Name, d.number) }

// load reads what is kept of the pull request that a request is about.
func (p *Pages) load(v *visit, at *place) (*details, error) {
	number, err := strconv.Atoi(v.r.PathValue("number"))
	if err != nil || number <= 0 || strconv.Itoa(number) != v.r.PathValue("number") {
		return nil, errNotFound
	}
	d := &details{place: at, number: number}
	var found bool
	if d.scan, found, err = p.cfg.Store.GetScan(v.r.Context(), at.ID, number); err != nil {
		return nil, err
	}
	if !found {
		return nil, errNotFound
	}
	kept, found, err := p.cfg.Store.Report(v.r.Context(), at.ID, number)
	// A report of another run is no answer about an open pull request. Of a closed
	// one the last report stays, which nobody can sign any more.
	if err != nil || !found || d.scan.Open && kept.Generation != d.scan.Generation {
		return d, err
	}
	d.report, err = report.Decode(kept.Body)
	return d, err
}

// signable are the findings that a word of a reviewer can be about.
func (d *details) signable() map[lockkeeper.Digest]policy.Outcome {
	all := map[lockkeeper.Digest]policy.Outcome{}
	if d.report == nil || !d.scan.Open {
		return all
	}
	for _, o := range d.report.Decision.Outcomes {
		if o.Level == policy.SignOffLevel {
			all[o.Digest] = o
		}
	}
	return all
}

// pullPage is what the template of a pull request sees.
type pullPage struct {
	Body        template.HTML
	Path        string
	Title       string // of the pull request
	Checked     string // when it was looked at
	Closed      bool
	Nothing     bool // no report
	Running     bool
	Form        *signForm
	Flash       string
	FlashKind   string // empty, or "ask"
	WholeReport string // link back from one package alone
}

type signForm struct {
	Action  string
	Nonce   string
	Shown   []string // digests of all that waits
	Own     bool     // the visitor opened the pull request
	Reason  string
	Verdict string
	All     bool
}

const formID = "sign"

func (p *Pages) pull(v *visit) error {
	at, err := p.enter(v, false)
	if err != nil {
		return err
	}
	d, err := p.load(v, at)
	if err != nil {
		return err
	}
	page := pullPage{}
	switch v.r.URL.Query().Get("recorded") {
	case "counted":
		page.Flash = "Recorded and counted."
	case "later":
		page.Flash, page.FlashKind = "Recorded. It is being counted: reload the page in a moment.", "ask"
	}
	return p.showPull(v, d, page, nil)
}

// showPull writes the page; ticked are the findings whose boxes are ticked.
func (p *Pages) showPull(v *visit, d *details, page pullPage, ticked map[lockkeeper.Digest]bool) error {
	settled, err := p.cfg.Jobs.Settled(v.r.Context(), d.job(false))
	if err != nil {
		return err
	}
	page.Path, page.Running, page.Closed = d.path(), !settled, !d.scan.Open
	page.Checked = ago(p.cfg.Now().Sub(d.scan.At))
	page.Nothing = d.report == nil
	title := fmt.Sprintf("#%d", d.number)
	if d.report != nil {
		title = d.report.Title()
		if err := p.fill(v, d, &page, ticked); err != nil {
			return err
		}
	}
	return p.show(v, "pull.tmpl", Layout{
		Title: fmt.Sprintf("%s · %s#%d", title, d.place.repo, d.number), Wide: true, Page: page,
		Trail: []Crumb{{d.place.repo.String(), repositoryPath(d.place)}, {fmt.Sprintf("#%d", d.number), ""}},
	})
}

func (p *Pages) fill(v *visit, d *details, page *pullPage, ticked map[lockkeeper.Digest]bool) error {
	signable := d.signable()
	options := html.Options{MaxDiff: maxPageDiffs, Only: v.r.URL.Query().Get("only"), Ticked: ticked}
	options.Whole = func(s report.Section) string { return d.path() + "?" + url.Values{"only": {s.Key()}}.Encode() }
	if options.Only != "" {
		page.WholeReport, options.MaxDiff = d.path(), 0
	}
	if len(signable) > 0 {
		options.Form = formID
		if page.Form == nil {
			page.Form = &signForm{Verdict: string(policy.SignOff)}
		}
		page.Form.Action, page.Form.Nonce = d.path(), randomText()
		page.Form.Own = d.report.Pull != nil && d.report.Pull.AuthorID == v.session.User
		for _, o := range d.report.Decision.Outcomes {
			if o.State == policy.Open && !slices.Contains(page.Form.Shown, string(o.Digest)) {
				page.Form.Shown = append(page.Form.Shown, string(o.Digest))
			}
		}
		var err error
		if options.Said, err = p.uncounted(v, d, signable); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := html.Body(&b, d.report, options); err != nil {
		return err
	}
	page.Body = template.HTML(b.String()) // escaped by the renderer
	return nil
}

// uncounted is what was said since the scan.
func (p *Pages) uncounted(v *visit, d *details, signable map[lockkeeper.Digest]policy.Outcome) (map[lockkeeper.Digest][]string, error) {
	var digests []lockkeeper.Digest
	for digest := range signable {
		digests = append(digests, digest)
	}
	said, err := p.cfg.Store.Statements(v.r.Context(), d.place.ID, digests)
	if err != nil {
		return nil, err
	}
	words := map[lockkeeper.Digest][]string{}
	for _, s := range said {
		if !s.At.After(d.scan.At) {
			continue
		}
		who := s.Login
		if s.By == v.session.User {
			who = "you"
		}
		words[s.Finding] = append(words[s.Finding], who+" "+verdictWords(s.Verdict)+"; not counted yet")
	}
	return words, nil
}

func verdictWords(verdict policy.Verdict) string {
	switch verdict {
	case policy.SignOff:
		return "signed off"
	case policy.Reject:
		return "rejected"
	}
	return "withdrew their word"
}

// maxReason bounds a reason, in bytes, as for comments.
const maxReason = 2000

// sign records what somebody says on the page, about findings that the page showed
// and the newest scan still shows, and waits for it to be counted.
func (p *Pages) sign(v *visit) error {
	at, err := p.enter(v, true) // rights are looked up anew
	if err != nil {
		return err
	}
	d, err := p.load(v, at)
	if err != nil {
		return err
	}
	said, again := readForm(v.r.PostForm, d)
	if again != "" {
		v.status = http.StatusUnprocessableEntity
		form := &signForm{Reason: said.reason, Verdict: string(said.verdict), All: said.all}
		ticked := map[lockkeeper.Digest]bool{}
		for _, digest := range said.ticked {
			ticked[digest] = true
		}
		return p.showPull(v, d, pullPage{Flash: again, FlashKind: "ask", Form: form}, ticked)
	}
	about := map[lockkeeper.Digest]bool{}
	for _, digest := range said.findings {
		about[digest] = true
		statement := policy.Statement{
			Finding: digest, Verdict: said.verdict, By: at.person.ID, Login: at.person.Login, Reason: said.reason,
			Where: p.cfg.PublicURL + d.path(), At: p.cfg.Now(),
		}
		// The same form sent twice is one statement.
		source := fmt.Sprintf("page:%d:%s", at.person.ID, said.nonce)
		if _, err := p.cfg.Store.AddStatement(v.r.Context(), at.ID, d.number, statement, source); err != nil {
			return err
		}
	}
	if err := p.cfg.Jobs.Put(v.r.Context(), d.job(true)); err != nil {
		return err
	}
	if err := p.cfg.TellOthers(v.r.Context(), d.job(false), about); err != nil {
		return err
	}
	outcome := "later"
	if p.counted(v, d) {
		outcome = "counted"
	}
	http.Redirect(v.w, v.r, d.path()+"?recorded="+outcome, http.StatusSeeOther)
	return nil
}

// countedEvery is how often to look whether a sign-off was counted.
const countedEvery = 50 * time.Millisecond

// counted waits a moment until a scan has counted what was just recorded.
func (p *Pages) counted(v *visit, d *details) bool {
	timeout := time.NewTimer(p.cfg.Wait)
	defer timeout.Stop()
	ticker := time.NewTicker(countedEvery)
	defer ticker.Stop()
	for {
		if settled, err := p.cfg.Jobs.Settled(v.r.Context(), d.job(false)); err != nil || settled {
			return err == nil
		}
		select {
		case <-ticker.C:
		case <-timeout.C:
			return false
		case <-v.r.Context().Done():
			return false
		}
	}
}

// words are what a form says.
type words struct {
	verdict  policy.Verdict
	reason   string
	nonce    string
	all      bool
	ticked   []lockkeeper.Digest
	findings []lockkeeper.Digest // to be recorded
}

// readForm reads a form, and says what is missing in a sentence, if anything is.
func readForm(form url.Values, d *details) (said words, again string) {
	said.verdict, said.reason, said.nonce = policy.Verdict(form.Get("verdict")), clip(form.Get("reason"), maxReason), form.Get("nonce")
	said.all = form.Get("which") == "all"
	signable := d.signable()
	chosen := form["finding"]
	if said.all {
		chosen = form["shown"]
	}
	gone := 0
	seen := map[lockkeeper.Digest]bool{}
	for _, text := range chosen {
		digest, err := lockkeeper.ParseDigest(text)
		if _, ok := signable[digest]; err != nil || !ok {
			gone++
			continue
		}
		if !seen[digest] {
			seen[digest] = true
			said.findings = append(said.findings, digest)
		}
	}
	for _, text := range form["finding"] {
		if digest, err := lockkeeper.ParseDigest(text); err == nil {
			said.ticked = append(said.ticked, digest)
		}
	}
	switch said.verdict {
	case policy.SignOff, policy.Reject, policy.Withdraw:
	default:
		said.verdict = policy.SignOff
		return said, "Say whether you sign off, reject or withdraw your word."
	}
	switch {
	case !d.scan.Open:
		return said, "The pull request is closed; nothing was recorded."
	case gone > 0:
		return said, "The pull request changed while you looked at it, so nothing was recorded. This is how it is now."
	case len(said.findings) == 0:
		return said, "Tick what you speak about, or choose all of it."
	case len(said.nonce) != len(randomText()):
		return said, "The form was not complete. Send it again."
	case said.reason == "" && said.verdict != policy.Withdraw:
		return said, "Give a reason: those who come after you will want to know."
	}
	return said, ""
}
