package githubtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Limits of the checks API.
const (
	checkTextLimit  = 65535
	annotationLimit = 50
)

// app is who made a check run.
type app struct {
	id   int64
	slug string
}

// CheckRun is a check run as it stands.
type CheckRun struct {
	ID          int64
	Name        string
	HeadSHA     string
	AppSlug     string
	Status      string // queued, in_progress, completed
	Conclusion  string // empty until completed
	DetailsURL  string
	ExternalID  string
	Title       string
	Summary     string
	Text        string
	Annotations []Annotation
	StartedAt   time.Time
	CompletedAt time.Time // zero until completed

	repo  *Repo
	app   app
	suite *checkSuite
}

// Annotation is a remark on a line of a file.
type Annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"` // notice, warning, failure
	Title       string `json:"title"`
	Message     string `json:"message"`
	RawDetails  string `json:"raw_details"`
}

type checkSuite struct {
	id      int64
	repo    *Repo
	app     app
	head    plumbing.Hash
	created time.Time
	updated time.Time
}

type commitStatus struct {
	id          int64
	sha         plumbing.Hash
	state       string
	context     string
	description string
	targetURL   string
	creator     *account
	created     time.Time
}

// checkInput is the body of a create or update request. Pointers tell what was
// sent from what was not.
type checkInput struct {
	Name        *string `json:"name"`
	HeadSHA     string  `json:"head_sha"`
	DetailsURL  *string `json:"details_url"`
	ExternalID  *string `json:"external_id"`
	Status      string  `json:"status"`
	StartedAt   *string `json:"started_at"`
	Conclusion  string  `json:"conclusion"`
	CompletedAt *string `json:"completed_at"`
	Output      *struct {
		Title       *string           `json:"title"`
		Summary     *string           `json:"summary"`
		Text        *string           `json:"text"`
		Annotations []Annotation      `json:"annotations"`
		Images      []json.RawMessage `json:"images"`
	} `json:"output"`
	Actions []json.RawMessage `json:"actions"`
}

// CheckRuns are the check runs of a commit, oldest first, of every App.
func (r *Repo) CheckRuns(sha string) []CheckRun {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	var all []CheckRun
	for _, c := range r.checksOf(plumbing.NewHash(sha)) {
		all = append(all, c.snapshot())
	}
	return all
}

func (c *CheckRun) snapshot() CheckRun {
	copied := *c
	copied.Annotations = slices.Clone(c.Annotations)
	return copied
}

// AddCheckRun adds a completed check run of another App, a CI service's say.
func (r *Repo) AddCheckRun(appSlug, name, sha, conclusion string) int64 {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	c := r.newCheck(app{r.srv.appNumber(appSlug), appSlug}, name, r.mustResolve(sha))
	c.Status, c.Conclusion, c.CompletedAt = "completed", conclusion, r.srv.now()
	return c.ID
}

// appNumber invents the number of another App: that of its first check run.
func (s *Server) appNumber(slug string) int64 {
	for _, c := range s.checks {
		if c.app.slug == slug {
			return c.app.id
		}
	}
	return s.nextID()
}

// Rerequest is by's click on "Re-run" of a check run of the App, which forgets its
// conclusion.
func (r *Repo) Rerequest(checkRun int64, by string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	c := r.check(checkRun)
	if c == nil {
		panic(fmt.Sprintf("githubtest: no check run %d in %s", checkRun, r.FullName()))
	}
	c.Status, c.Conclusion, c.CompletedAt = "queued", "", time.Time{}
	c.emit("rerequested", r.srv.account(by))
}

// RerequestSuite is by's click on "Re-run all checks" for a commit.
func (r *Repo) RerequestSuite(sha, by string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.suite(r.srv.ownApp(), r.mustResolve(sha)).emit("rerequested", r.srv.account(by))
}

func (s *Server) ownApp() app { return app{s.cfg.AppID, s.cfg.AppSlug} }

func (r *Repo) suite(by app, head plumbing.Hash) *checkSuite {
	for _, suite := range r.srv.suites {
		if suite.repo == r && suite.app == by && suite.head == head {
			return suite
		}
	}
	suite := &checkSuite{r.srv.nextID(), r, by, head, r.srv.now(), r.srv.now()}
	r.srv.suites = append(r.srv.suites, suite)
	return suite
}

func (r *Repo) newCheck(by app, name string, head plumbing.Hash) *CheckRun {
	c := &CheckRun{
		ID: r.srv.nextID(), Name: name, HeadSHA: head.String(), AppSlug: by.slug, Status: "queued", StartedAt: r.srv.now(),
		repo: r, app: by, suite: r.suite(by, head),
	}
	r.srv.checks = append(r.srv.checks, c)
	return c
}

func (r *Repo) check(id int64) *CheckRun {
	for _, c := range r.srv.checks {
		if c.ID == id && c.repo == r {
			return c
		}
	}
	return nil
}

func (r *Repo) checksOf(sha plumbing.Hash) []*CheckRun {
	var all []*CheckRun
	for _, c := range r.srv.checks {
		if c.repo == r && c.HeadSHA == sha.String() {
			all = append(all, c)
		}
	}
	return all
}

// latestChecks keeps, of each name in each suite, the newest.
func latestChecks(all []*CheckRun) []*CheckRun {
	type key struct {
		suite *checkSuite
		name  string
	}
	newest := map[key]*CheckRun{}
	for _, c := range all {
		newest[key{c.suite, c.Name}] = c
	}
	return slices.DeleteFunc(slices.Clone(all), func(c *CheckRun) bool { return newest[key{c.suite, c.Name}] != c })
}

// apply checks and takes over what a request says.
func (c *CheckRun) apply(in checkInput) error {
	if err := in.check(); err != nil {
		return err
	}
	setString(&c.Name, in.Name)
	setString(&c.DetailsURL, in.DetailsURL)
	setString(&c.ExternalID, in.ExternalID)
	if in.Status != "" {
		c.Status = in.Status
		if in.Status != "completed" {
			c.Conclusion, c.CompletedAt = "", time.Time{}
		}
	}
	setTime(&c.StartedAt, in.StartedAt)
	if in.Conclusion != "" {
		// GitHub completes whatever has a conclusion.
		c.Status, c.Conclusion, c.CompletedAt = "completed", in.Conclusion, c.repo.srv.now()
	}
	setTime(&c.CompletedAt, in.CompletedAt)
	if in.Output != nil {
		setString(&c.Title, in.Output.Title)
		setString(&c.Summary, in.Output.Summary)
		setString(&c.Text, in.Output.Text)
		c.Annotations = append(c.Annotations, in.Output.Annotations...)
	}
	c.suite.updated = c.repo.srv.now()
	return nil
}

func setString(to, from *string) {
	if from != nil {
		*to = *from
	}
}

func setTime(to *time.Time, from *string) {
	if from != nil {
		if t, err := time.Parse(time.RFC3339, *from); err == nil {
			*to = t.UTC()
		}
	}
}

var (
	checkStatuses    = []string{"", "queued", "in_progress", "completed", "waiting", "requested", "pending"}
	checkConclusions = []string{"", "action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}
)

func (in checkInput) check() error {
	switch {
	case in.Status == "completed" && in.Conclusion == "":
		return invalidRequest("Invalid request.\n\nFor 'anyOf/0', \"conclusion\" wasn't supplied.")
	case !slices.Contains(checkStatuses, in.Status):
		return invalidRequest(fmt.Sprintf("Invalid request.\n\n%q is not a member of the statuses.", in.Status))
	case !slices.Contains(checkConclusions, in.Conclusion):
		return invalidRequest(fmt.Sprintf("Invalid request.\n\n%q is not a member of the conclusions.", in.Conclusion))
	case in.Output == nil:
		return nil
	case in.Output.Title == nil || in.Output.Summary == nil:
		return invalidRequest("Invalid request.\n\n\"title\", \"summary\" weren't supplied.")
	}
	for _, text := range []*string{in.Output.Summary, in.Output.Text} {
		// GitHub says characters; its column holds as many bytes, which is the
		// stricter of the two.
		if text != nil && len(*text) > checkTextLimit {
			return invalidRequest(fmt.Sprintf("Invalid request.\n\nOnly %d characters are allowed; %d were supplied.", checkTextLimit, len(*text)))
		}
	}
	if n := len(in.Output.Annotations); n > annotationLimit {
		return invalidRequest(fmt.Sprintf("Invalid request.\n\nNo more than %d items are allowed; %d were supplied.", annotationLimit, n))
	}
	for _, a := range in.Output.Annotations {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

func (a Annotation) check() error {
	switch {
	case a.Path == "" || a.StartLine < 1 || a.EndLine < a.StartLine || a.Message == "":
		return invalidRequest("Invalid request.\n\nAn annotation needs path, start_line, end_line and message.")
	case !slices.Contains([]string{"notice", "warning", "failure"}, a.Level):
		return invalidRequest(fmt.Sprintf("Invalid request.\n\n%q is not an annotation level.", a.Level))
	case len(a.Title) > 255, len(a.Message) > 64<<10, len(a.RawDetails) > 64<<10:
		return invalidRequest("Invalid request.\n\nAn annotation's title has at most 255 characters, message and raw_details 64 KB.")
	case (a.StartColumn != nil || a.EndColumn != nil) && a.StartLine != a.EndLine:
		return invalidRequest("Invalid request.\n\nColumns need start_line and end_line to be the same.")
	}
	return nil
}

// passed reports whether what name requires is fulfilled at sha: by the newest
// check run of that name, or by the newest status of that context.
func (r *Repo) passed(name string, sha plumbing.Hash) bool {
	ok := false
	for _, c := range latestChecks(r.checksOf(sha)) {
		if c.Name == name {
			if !slices.Contains([]string{"success", "neutral", "skipped"}, c.Conclusion) {
				return false
			}
			ok = true
		}
	}
	for _, status := range latestStatuses(r.statuses, sha) {
		if status.context == name {
			if status.state != "success" {
				return false
			}
			ok = true
		}
	}
	return ok
}

// latestStatuses are the newest statuses of sha, one of each context, newest
// first.
func latestStatuses(all []*commitStatus, sha plumbing.Hash) []*commitStatus {
	var out []*commitStatus
	for _, status := range slices.Backward(all) {
		known := slices.ContainsFunc(out, func(o *commitStatus) bool { return o.context == status.context })
		if status.sha == sha && !known {
			out = append(out, status)
		}
	}
	return out
}

// StatusInfo is a commit status as it stands.
type StatusInfo struct{ Context, State, Description, TargetURL string }

// Statuses are the newest statuses of a commit, one of each context.
func (r *Repo) Statuses(sha string) []StatusInfo {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	var out []StatusInfo
	for _, s := range latestStatuses(r.statuses, plumbing.NewHash(sha)) {
		out = append(out, StatusInfo{s.context, s.state, s.description, s.targetURL})
	}
	return out
}
