package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// worker does one job in one repository.
type worker struct {
	*Server
	client     *github.Client
	repo       github.Repo
	job        queue.Job
	generation int64
	wrote      bool // something that others see; see settle
}

// subject is what one scan judges: a pull request's head, or a merge group's.
type subject struct {
	pull    *github.Pull // nil for a merge group
	baseRef string
	head    string
	group   bool
	private bool // not everybody may read what is said here
	// authors of the pull requests judged, those of a group told by its commits.
	authors func(commits []github.Commit) []github.Account
}

// pull scans one pull request and answers what was said in it.
func (w *worker) pull(ctx context.Context, number int) error {
	pull, err := w.client.Pull(ctx, w.repo, number)
	if err != nil {
		return err
	}
	w.repo = pull.Repo
	if !pull.Open {
		return w.closed(ctx, number)
	}
	known := store.Repository{ID: w.repo.ID, Owner: w.repo.Owner, Name: w.repo.Name, Installation: w.job.Installation}
	if err := w.cfg.Store.PutRepository(ctx, known); err != nil {
		return err
	}
	return w.judge(ctx, subject{pull: pull, private: pull.Repo.Private, baseRef: pull.BaseRef, head: pull.Head, authors: func([]github.Commit) []github.Account { return []github.Account{pull.Author} }})
}

// closed notes that nothing waits any more in a pull request.
func (w *worker) closed(ctx context.Context, number int) error {
	record, found, err := w.cfg.Store.GetScan(ctx, w.repo.ID, number)
	if err != nil || !found || !record.Open {
		return err
	}
	record.Open = false
	return w.cfg.Store.PutScan(ctx, record)
}

// mergeGroup scans the merged result for real: what passed alone may not pass
// together. Nobody who opened a pull request of the group can sign off in it.
func (w *worker) mergeGroup(ctx context.Context, job queue.Job) error {
	s := subject{baseRef: job.Base, head: job.SHA, group: true}
	pulls, err := w.client.OpenPulls(ctx, w.repo, job.Base)
	if err != nil {
		return err
	}
	s.private = len(pulls) > 0 && pulls[0].Repo.Private
	number, _ := queuedPull(job.Ref)
	s.authors = func(commits []github.Commit) []github.Account {
		var authors []github.Account
		for _, p := range pulls {
			if p.Number == number || slices.ContainsFunc(commits, func(c github.Commit) bool { return c.SHA == p.Head }) {
				authors = append(authors, p.Author)
			}
		}
		return authors
	}
	return w.judge(ctx, s)
}

// queuedPull reads the number from "refs/heads/gh-readonly-queue/main/pr-12-SHA".
func queuedPull(ref string) (int, bool) {
	_, rest, found := strings.Cut(ref[strings.LastIndex(ref, "/")+1:], "pr-")
	digits, _, _ := strings.Cut(rest, "-")
	n, err := strconv.Atoi(digits)
	return n, found && err == nil && n > 0
}

// branch queues every open pull request of a base branch whose rules may have
// changed.
func (w *worker) branch(ctx context.Context, branch string) error {
	pulls, err := w.client.OpenPulls(ctx, w.repo, branch)
	if err != nil {
		return err
	}
	return w.enqueue(ctx, pulls)
}

// commit queues the pull requests of a commit whose check is asked for again.
func (w *worker) commit(ctx context.Context, sha string) error {
	pulls, err := w.client.PullsForCommit(ctx, w.repo, sha)
	if err != nil {
		return err
	}
	return w.enqueue(ctx, pulls)
}

func (w *worker) enqueue(ctx context.Context, pulls []*github.Pull) error {
	for _, p := range pulls {
		job := queue.Job{Kind: queue.Pull, Installation: w.job.Installation, RepoID: w.repo.ID, Owner: w.repo.Owner, Repo: w.repo.Name, Pull: p.Number}
		if err := w.queue.Put(ctx, job); err != nil {
			return fmt.Errorf("queue pull request %d: %w", p.Number, err)
		}
	}
	return nil
}

// judge is the straight line: fix base and head, scan, hear what people said,
// decide, look again, write.
func (w *worker) judge(ctx context.Context, s subject) error {
	before, err := w.earlier(ctx, s)
	if err != nil {
		return err
	}
	check, err := w.startCheck(ctx, s, before)
	if err != nil {
		return err
	}
	r, sides, err := w.line(ctx, s, before)
	var broken *scan.RulesError
	var tooLarge *github.TooLarge
	switch {
	case errors.As(err, &broken):
		return w.hold(ctx, s, check, before, brokenRules(s, broken))
	case errors.As(err, &tooLarge):
		return w.hold(ctx, s, check, before, beyondBounds(s, tooLarge))
	case err != nil:
		return err
	}
	if err := w.publish(ctx, s, check, before, sides, r); err != nil {
		return err
	}
	if r.Scan.Retry {
		return w.queue.PutLater(ctx, w.job, w.cfg.Now().Add(retryUnverified))
	}
	return nil
}

// line reads, scans and decides, and writes nothing to GitHub but reactions.
func (w *worker) line(ctx context.Context, s subject, before store.Scan) (*report.Report, *sides, error) {
	sides, err := w.sides(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	rules, err := scan.ReadRules(ctx, sides.tip, sides.head)
	if err != nil {
		return nil, nil, err
	}
	scanner := *w.cfg.Scanner
	if !w.cfg.NoForeign {
		scanner.Repositories = w.client.Public()
	}
	if !s.private {
		// Whoever opens a pull request chooses what its lockfile names, and would be
		// shown it.
		scanner.Others = scan.ForEverybody(scanner.Others)
	}
	result, err := scanner.Run(ctx, scan.Input{
		Base: sides.base, Head: sides.head, BaseName: sides.mergeBase, HeadName: s.head, Policy: rules.Policy,
	})
	if err != nil {
		return nil, nil, err
	}
	in := rules.Input(result, w.cfg.Now())
	if err := w.people(ctx, &in, s, before, sides, result); err != nil {
		return nil, nil, err
	}
	r := &report.Report{Scan: result, Decision: policy.Evaluate(in), Onboarded: rules.Onboarded, BaseBranch: s.baseRef}
	if p := s.pull; p != nil {
		r.Pull = &report.Pull{Repository: w.repo.String(), Number: p.Number, Title: p.Title, Author: p.Author.Login, AuthorID: p.Author.ID, URL: p.URL}
	}
	return r, sides, nil
}

// sides are the revisions of one change.
type sides struct {
	base, head, tip  scan.Tree
	mergeBase, tipID string
	commits          []github.Commit
	unrelated        bool // there is no merge base, and so no list of commits
}

// emptyTree is the base of a head that has no history in common with the branch.
type emptyTree struct{}

func (emptyTree) Files(context.Context) ([]lockkeeper.TreeFile, error) { return nil, nil }

func (emptyTree) Read(_ context.Context, f lockkeeper.TreeFile, _ int64) ([]byte, error) {
	return nil, fmt.Errorf("%s is not there", f.Path)
}

// sides fixes the tip of the base branch, the merge base and the commits between.
// Without a common ancestor everything in the head is new.
func (w *worker) sides(ctx context.Context, s subject) (*sides, error) {
	tip, err := w.client.Tip(ctx, w.repo, s.baseRef)
	if err != nil {
		return nil, err
	}
	tree := func(commit string) scan.Tree { return &commitTree{client: w.client, repo: w.repo, commit: commit} }
	out := &sides{tip: tree(tip), tipID: tip, head: tree(s.head)}
	comparison, err := w.client.Compare(ctx, w.repo, tip, s.head)
	switch {
	case errors.Is(err, github.ErrNoMergeBase):
		out.base, out.mergeBase, out.unrelated = emptyTree{}, "none", true
		return out, nil
	case err != nil:
		return nil, err
	}
	out.mergeBase, out.commits = comparison.MergeBase, comparison.Commits
	out.base = tree(out.mergeBase)
	if out.mergeBase == tip {
		out.base = out.tip
	}
	return out, nil
}

// retryUnverified is how long to wait before asking a registry again that did
// not answer.
const retryUnverified = 2 * time.Minute

// earlier is the stored scan of the pull request, or an empty one.
func (w *worker) earlier(ctx context.Context, s subject) (store.Scan, error) {
	if s.pull == nil {
		return store.Scan{}, nil
	}
	before, _, err := w.cfg.Store.GetScan(ctx, w.repo.ID, s.pull.Number)
	return before, err
}

// checkName carries the base branch, so that a pass earned against a lenient
// branch does not serve another.
func checkName(baseRef string) string { return "lockkeeper: " + baseRef }

// startCheck opens a check run in progress. While a rescan of the same head is
// made, the run of the scan before stays as it is, and 0 is returned.
func (w *worker) startCheck(ctx context.Context, s subject, before store.Scan) (int64, error) {
	if before.CheckID != 0 && before.Head == s.head && before.BaseRef == s.baseRef {
		return 0, nil
	}
	if err := w.mayWrite(ctx); err != nil {
		return 0, err
	}
	return w.client.StartCheck(ctx, w.repo, github.Check{Name: checkName(s.baseRef), Head: s.head, ExternalID: w.externalID(s)})
}

// finishCheck writes the result and gives the id of the run that carries it. The
// run of the scan before is written to again as long as the findings are the same:
// GitHub adds annotations and never takes one away.
func (w *worker) finishCheck(ctx context.Context, s subject, check int64, before store.Scan, out github.Check, same bool) (int64, error) {
	if err := w.mayWrite(ctx); err != nil {
		return 0, err
	}
	switch {
	case check == 0 && same:
		check, out.Annotations = before.CheckID, nil
	case check == 0:
		var err error
		if check, err = w.client.StartCheck(ctx, w.repo, github.Check{Name: out.Name, Head: out.Head, ExternalID: out.ExternalID}); err != nil {
			return 0, err
		}
	}
	return check, w.client.FinishCheck(ctx, w.repo, check, out)
}

// externalID marks a check run as this generation's, so that a repeated attempt
// finds it.
func (w *worker) externalID(s subject) string {
	number := 0
	if s.pull != nil {
		number = s.pull.Number
	}
	return fmt.Sprintf("%d/%d/%s/%d", w.repo.ID, number, s.baseRef, w.generation)
}

// beyondBounds says that a change cannot be judged, whatever is tried.
func beyondBounds(s subject, err error) github.Check {
	return github.Check{
		Name: checkName(s.baseRef), Head: s.head, Conclusion: policy.Failure,
		Title:   "The change is too large to be judged",
		Summary: "Nothing that could not be looked at passes. Split the change, or rebase it onto the base branch:\n\n" + report.Fenced(err.Error()),
	}
}

func brokenRules(s subject, err error) github.Check {
	return github.Check{
		Name: checkName(s.baseRef), Head: s.head, Conclusion: policy.Failure,
		Title:   "The rules of this repository cannot be read",
		Summary: fmt.Sprintf("A file in `.lockkeeper` on the branch %s has a mistake, so no pull request can be judged until its owners mend it:\n\n%s\n`lockkeeper policy check` finds such mistakes before they are merged.", report.Code(s.baseRef), report.Fenced(err.Error())),
	}
}

// hold writes a check that says why nothing can be judged. What was found before
// is forgotten, so that the next scan starts a run of its own.
func (w *worker) hold(ctx context.Context, s subject, check int64, before store.Scan, out github.Check) error {
	out.ExternalID = w.externalID(s)
	check, err := w.finishCheck(ctx, s, check, before, out, false)
	if err != nil || s.pull == nil {
		return err
	}
	record := before
	record.RepoID, record.Pull, record.Generation, record.Open = w.repo.ID, s.pull.Number, w.generation, true
	record.Head, record.BaseRef, record.CheckID, record.Conclusion, record.Result, record.At = s.head, s.baseRef, check, out.Conclusion, nil, w.cfg.Now()
	err = w.cfg.Store.PutScan(ctx, record)
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}

// publish looks again and writes, or drops what is no longer of the newest scan.
func (w *worker) publish(ctx context.Context, s subject, check int64, before store.Scan, c *sides, r *report.Report) error {
	details := ""
	if s.pull != nil {
		details = w.detailsURL(w.repo, s.pull.Number)
	}
	run := report.CheckRun(r, details)
	out := github.Check{
		Name: checkName(s.baseRef), Head: s.head, ExternalID: w.externalID(s), DetailsURL: details,
		Conclusion: run.Conclusion, Title: run.Title, Summary: run.Summary, Annotations: annotations(run.Annotations),
	}
	if s.pull == nil {
		_, err := w.finishCheck(ctx, s, check, before, out, false)
		return err
	}
	now, err := w.client.Pull(ctx, w.repo, s.pull.Number)
	if err != nil {
		return err
	}
	if !now.Open || now.Head != s.head || now.BaseRef != s.baseRef {
		zerolog.Ctx(ctx).Info().Msg("dropped a result: the pull request moved on")
		return nil
	}
	found := summaryOf(r)
	encoded, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("encode the scan: %w", err)
	}
	record := store.Scan{
		RepoID: w.repo.ID, Pull: s.pull.Number, Head: s.head, Open: true, Base: c.tipID, BaseRef: s.baseRef, MergeBase: c.mergeBase,
		CheckID: cmp.Or(check, before.CheckID), CommentID: before.CommentID, CommentDigest: before.CommentDigest,
		Generation: w.generation, Conclusion: r.Decision.Conclusion, Result: encoded, At: w.cfg.Now(),
	}
	err = w.cfg.Store.PutScan(ctx, record)
	if errors.Is(err, store.ErrStale) {
		zerolog.Ctx(ctx).Info().Msg("dropped a result: a newer scan was made")
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.keepReport(ctx, record, r); err != nil {
		return err
	}
	if record.CheckID, err = w.finishCheck(ctx, s, check, before, out, found.sameFindings(before.Result)); err != nil {
		return err
	}
	return w.comment(ctx, s, record, r)
}

func annotations(all []report.Annotation) []github.Annotation {
	out := make([]github.Annotation, len(all))
	for i, a := range all {
		out[i] = github.Annotation{Path: a.Path, Line: a.Line, Level: github.AnnotationLevel(a.Level), Title: a.Title, Message: a.Message}
	}
	return out
}

// comment writes the one comment if its meaning changed. A pull request about
// which there is nothing to say gets none.
func (w *worker) comment(ctx context.Context, s subject, record store.Scan, r *report.Report) error {
	body := report.Comment(r, w.detailsURL(w.repo, s.pull.Number))
	digest := string(report.Meaning(r))
	silent := record.CommentID == 0 && r.Decision.Count(policy.Open, policy.Blocked, policy.Rejected, policy.Signed) == 0
	record.At = w.cfg.Now() // what was found is shown from here on
	if digest == record.CommentDigest || silent {
		return w.cfg.Store.PutScan(ctx, record)
	}
	if err := w.mayWrite(ctx); err != nil {
		return err
	}
	if record.CommentID == 0 { // a store that was lost must not lead to a second comment
		id, _, err := w.client.FindComment(ctx, w.repo, s.pull.Number, report.Marker)
		if err != nil {
			return err
		}
		record.CommentID = id
	}
	id, err := w.client.PutComment(ctx, w.repo, s.pull.Number, record.CommentID, report.Marker, body)
	switch {
	case github.Temporary(err):
		return err
	case err != nil: // the conversation is locked; the check says the same
		zerolog.Ctx(ctx).Warn().Err(err).Msg("could not write the comment")
	default:
		record.CommentID, record.CommentDigest = id, digest
	}
	return w.cfg.Store.PutScan(ctx, record)
}

// summary is what the store keeps of a scan.
type summary struct {
	Title    string           `json:"title"`
	Findings []summaryFinding `json:"findings"`
}

type summaryFinding struct {
	Digest lockkeeper.Digest `json:"digest"`
	Rule   policy.Rule       `json:"rule"`
	State  policy.State      `json:"state"`
}

func summaryOf(r *report.Report) summary {
	s := summary{Title: r.Title()}
	for _, o := range r.Decision.Outcomes {
		s.Findings = append(s.Findings, summaryFinding{Digest: o.Digest, Rule: o.Finding.Rule, State: o.State})
	}
	return s
}

// sameFindings reports whether an earlier summary has the same findings, whatever
// their states.
func (s summary) sameFindings(encoded []byte) bool {
	var before summary
	if json.Unmarshal(encoded, &before) != nil || len(before.Findings) != len(s.Findings) {
		return false
	}
	digests := map[lockkeeper.Digest]int{}
	for i := range s.Findings {
		digests[s.Findings[i].Digest]++
		digests[before.Findings[i].Digest]--
	}
	for _, n := range digests {
		if n != 0 {
			return false
		}
	}
	return true
}
