package github

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/policy"
)

// Bounds on check runs.
const (
	annotationsPerCall = 50  // GitHub's
	maxAnnotations     = 500 // ours; the page has the rest
	maxCheckRuns       = 2000
	maxTitle           = 255 // bytes, of a check run or an annotation
	maxMessage         = 64 << 10
)

// Check is what Lockkeeper says of a commit.
type Check struct {
	// Name, as branch protection requires it.
	Name string
	// Head is the commit. Only StartCheck uses it.
	Head string
	// ExternalID is the scan's own name of this run, different for each run: by it a
	// run is found again whose creation GitHub did not confirm.
	ExternalID string
	// Conclusion is needed to finish, and must be empty to start.
	Conclusion policy.Conclusion
	Title      string
	// Summary and Text are Markdown, cut at GitHub's 65,535 bytes. Summary is needed
	// to finish, and wherever Text is given.
	Summary, Text string
	DetailsURL    string
	// Annotations beyond 500 are left out, and Summary says so.
	Annotations []Annotation
}

// AnnotationLevel is GitHub's word for how an annotation looks.
type AnnotationLevel string

const (
	NoticeLevel  AnnotationLevel = "notice"
	WarningLevel AnnotationLevel = "warning"
	FailureLevel AnnotationLevel = "failure"
)

// Annotation is a remark at a line of a file. It is shown as plain text.
type Annotation struct {
	Path    string
	Line    int             // from 1; less counts as 1, since GitHub knows no remark on a file
	Level   AnnotationLevel // default WarningLevel
	Title   string
	Message string
}

// CheckRun is a check run of this App as GitHub has it.
type CheckRun struct {
	ID                     int64
	Name, Head, ExternalID string
	Completed              bool
	Conclusion             policy.Conclusion // empty until completed
	StartedAt, CompletedAt time.Time
	Title, Summary         string
	Annotations            int // how many it has
	URL                    string
}

// StartCheck opens a check run in progress. If GitHub does not confirm it, it is
// looked for before another is created. One call.
func (c *Client) StartCheck(ctx context.Context, repo Repo, check Check) (int64, error) {
	if err := check.validate(repo, false); err != nil {
		return 0, err
	}
	what := fmt.Sprintf("start check %q on %s of %s", check.Name, check.Head, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (int64, error) {
		options := github.CreateCheckRunOptions{
			Name: check.Name, HeadSHA: check.Head, ExternalID: &check.ExternalID,
			Status: github.Ptr("in_progress"), DetailsURL: optional(check.DetailsURL),
		}
		if check.Summary != "" {
			options.Output = check.output(nil)
		}
		return c.createCheck(ctx, gh, repo, check, options)
	})
}

// CompleteCheck creates a check run that is complete from the start. If GitHub does
// not confirm it, it is looked for before another is created. One call, and one more
// for each 50 annotations after the first.
func (c *Client) CompleteCheck(ctx context.Context, repo Repo, check Check) (int64, error) {
	if err := check.validate(repo, true); err != nil {
		return 0, err
	}
	check = check.bounded()
	first := check.Annotations[:min(annotationsPerCall, len(check.Annotations))]
	what := fmt.Sprintf("write check %q on %s of %s", check.Name, check.Head, repo)
	id, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (int64, error) {
		return c.createCheck(ctx, gh, repo, check, github.CreateCheckRunOptions{
			Name: check.Name, HeadSHA: check.Head, ExternalID: &check.ExternalID, DetailsURL: optional(check.DetailsURL),
			Status: github.Ptr("completed"), Conclusion: github.Ptr(string(check.Conclusion)), Output: check.output(first),
		})
	})
	if err != nil || len(first) == len(check.Annotations) {
		return id, err
	}
	return id, c.annotate(ctx, repo, id, check, len(first))
}

func (c *Client) createCheck(ctx context.Context, gh *github.Client, repo Repo, check Check, options github.CreateCheckRunOptions) (int64, error) {
	return once(ctx, c.app.backoff, func() (int64, error) {
		run, _, err := gh.Checks.CreateCheckRun(ctx, repo.Owner, repo.Name, options)
		return run.GetID(), err
	}, func() (int64, bool, error) {
		runs, err := c.checkRuns(ctx, gh, repo, check.Head, check.Name)
		for _, run := range runs {
			if run.GetExternalID() == check.ExternalID && run.GetStatus() == *options.Status {
				return run.GetID(), true, err
			}
		}
		return 0, false, err
	})
}

// bounded is check with as many annotations as are sent.
func (check Check) bounded() Check {
	if left := len(check.Annotations) - maxAnnotations; left > 0 {
		check.Annotations = check.Annotations[:maxAnnotations]
		check.Summary = cutMarkdown(check.Summary, maxText-200) + fmt.Sprintf("\n\n%d further annotations are not shown at their lines.\n", left)
	}
	return check
}

// FinishCheck completes the check run id: conclusion and text first, so that the
// gate is right as early as possible, then the annotations beyond the first 50.
// Call it once for each run: GitHub adds annotations, it does not replace them.
// One call, and one more for each further 50 annotations.
func (c *Client) FinishCheck(ctx context.Context, repo Repo, id int64, check Check) error {
	if err := check.validate(repo, true); err != nil {
		return err
	}
	return c.annotate(ctx, repo, id, check.bounded(), 0)
}

// annotate completes a check run that has sent annotations already, and sends the
// others.
func (c *Client) annotate(ctx context.Context, repo Repo, id int64, check Check, sent int) error {
	what := fmt.Sprintf("finish check run %d of %s", id, repo)
	_, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (struct{}, error) {
		for { // a fresh token goes on where the one before ended
			batch := check.Annotations[sent:min(sent+annotationsPerCall, len(check.Annotations))]
			if err := c.updateCheck(ctx, gh, repo, id, check, batch, sent); err != nil {
				return struct{}{}, err
			}
			if sent += len(batch); sent >= len(check.Annotations) {
				return struct{}{}, nil
			}
		}
	})
	return err
}

// updateCheck sends one batch, to a check run that has sent annotations already.
func (c *Client) updateCheck(ctx context.Context, gh *github.Client, repo Repo, id int64, check Check, batch []Annotation, sent int) error {
	options := github.UpdateCheckRunOptions{
		Name: check.Name, ExternalID: optional(check.ExternalID), DetailsURL: optional(check.DetailsURL),
		Status: github.Ptr("completed"), Conclusion: github.Ptr(string(check.Conclusion)),
		Output: check.output(batch),
	}
	_, err := once(ctx, c.app.backoff, func() (struct{}, error) {
		_, _, err := gh.Checks.UpdateCheckRun(ctx, repo.Owner, repo.Name, id, options)
		return struct{}{}, err
	}, func() (struct{}, bool, error) {
		if len(batch) == 0 { // the same twice is the same
			return struct{}{}, false, nil
		}
		run, _, err := gh.Checks.GetCheckRun(ctx, repo.Owner, repo.Name, id)
		return struct{}{}, run.GetOutput().GetAnnotationsCount() >= sent+len(batch), err
	})
	return err
}

// FindCheck is the App's own newest check run of that name at a commit; nil if
// there is none. One call.
func (c *Client) FindCheck(ctx context.Context, repo Repo, head, name string) (*CheckRun, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if err := checkSHA(head); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("find check %q on %s of %s", name, head, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (*CheckRun, error) {
		runs, err := c.checkRuns(ctx, gh, repo, head, name)
		if err != nil {
			return nil, err
		}
		var newest *github.CheckRun
		for _, run := range runs {
			if run.GetID() > newest.GetID() {
				newest = run
			}
		}
		if newest == nil {
			return nil, nil
		}
		return &CheckRun{
			ID: newest.GetID(), Name: newest.GetName(), Head: newest.GetHeadSHA(), ExternalID: newest.GetExternalID(),
			Completed: newest.GetStatus() == "completed", Conclusion: policy.Conclusion(newest.GetConclusion()),
			StartedAt: newest.GetStartedAt().Time, CompletedAt: newest.GetCompletedAt().Time,
			Title: newest.GetOutput().GetTitle(), Summary: newest.GetOutput().GetSummary(),
			Annotations: newest.GetOutput().GetAnnotationsCount(), URL: newest.GetHTMLURL(),
		}, nil
	})
}

// checkRuns lists the App's own runs of that name, all of them: GitHub's "latest"
// goes by the time of completion, and a run in progress has none.
func (c *Client) checkRuns(ctx context.Context, gh *github.Client, repo Repo, head, name string) ([]*github.CheckRun, error) {
	runs, err := list("check runs", maxCheckRuns, func(page int) ([]*github.CheckRun, *github.Response, error) {
		found, resp, err := gh.Checks.ListCheckRunsForRef(ctx, repo.Owner, repo.Name, head, &github.ListCheckRunsOptions{
			CheckName: &name, AppID: &c.app.id, Filter: github.Ptr("all"),
			ListOptions: github.ListOptions{Page: page, PerPage: perPage},
		})
		if err != nil {
			return nil, nil, err
		}
		return found.CheckRuns, resp, nil
	})
	own := runs[:0]
	for _, run := range runs {
		// Anybody's App may use our name.
		if run.GetApp().GetID() == c.app.id && run.GetName() == name && run.GetHeadSHA() == head {
			own = append(own, run)
		}
	}
	return own, err
}

func (check Check) validate(repo Repo, finish bool) error {
	if err := repo.check(); err != nil {
		return err
	}
	missing := ""
	switch {
	case check.Name == "":
		missing = "a check run without a name"
	case finish && check.Conclusion == "":
		missing = "a completed check run without a conclusion"
	case finish && check.Summary == "":
		missing = "a completed check run without a summary"
	case !finish && check.Conclusion != "":
		missing = "a check run that starts with a conclusion"
	case !finish && check.ExternalID == "":
		missing = "a check run without an external id, which could not be found again"
	case !finish:
		return checkSHA(check.Head)
	}
	if missing != "" {
		return &Invalid{What: missing}
	}
	return nil
}

func (check Check) output(batch []Annotation) *github.CheckRunOutput {
	title := check.Title
	if title == "" {
		title = check.Name // GitHub shows no output without a title
	}
	out := &github.CheckRunOutput{
		Title:   github.Ptr(shortened(title, maxTitle)),
		Summary: github.Ptr(cutMarkdown(check.Summary, maxText)),
	}
	if check.Text != "" {
		out.Text = github.Ptr(cutMarkdown(check.Text, maxText))
	}
	for _, a := range batch {
		line, level := max(a.Line, 1), a.Level
		if level == "" {
			level = WarningLevel
		}
		out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{
			Path: &a.Path, StartLine: &line, EndLine: &line, AnnotationLevel: github.Ptr(string(level)),
			Title: optional(shortened(a.Title, maxTitle)), Message: github.Ptr(shortened(a.Message, maxMessage-1)),
		})
	}
	return out
}

// shortened cuts plain text to limit bytes.
func shortened(s string, limit int) string {
	const ellipsis = "\u2026"
	if len(s) <= limit {
		return s
	}
	return cutRunes(s, limit-len(ellipsis)) + ellipsis
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
