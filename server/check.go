package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/store"
)

// checkName carries the base branch, so that a pass earned against a lenient
// branch does not serve another.
func checkName(baseRef string) string { return "lockkeeper: " + baseRef }

// startIfSlow opens a check run in progress if the scan takes long. ended, called once
// the scan is over, gives its id, 0 if there is none.
func (w *worker) startIfSlow(ctx context.Context, s subject, before store.Scan) (ended func() (int64, error)) {
	var check int64
	var err error
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(w.cfg.ShowAfter)
		defer timer.Stop()
		select {
		case <-over:
		case <-timer.C:
			check, err = w.startCheck(ctx, s, before)
		}
	}()
	return func() (int64, error) {
		close(over)
		<-done
		return check, err
	}
}

// shownBy is the check run of the scan before, if that was of the same head and base
// branch; else 0.
func (s subject) shownBy(before store.Scan) int64 {
	if before.Head != s.head || before.BaseRef != s.baseRef {
		return 0
	}
	return before.CheckID
}

// begun is the check run at the head that an earlier attempt opened or wrote, and could
// not note: it died, or GitHub did not confirm. It is nil where there is none, and where
// every attempt so far came to its end; then GitHub is not asked.
func (w *worker) begun(ctx context.Context, s subject, before store.Scan) (*github.CheckRun, error) {
	unended := before.Head == s.head && before.BaseRef == s.baseRef && before.CheckID == 0
	if s.pull == nil { // no scan is kept of it, so this is where the attempt is noted
		first, err := w.cfg.Store.MarkHandled(ctx, fmt.Sprintf("check run on %d/%s/%s", w.repo.ID, s.head, s.baseRef))
		if err != nil {
			return nil, err
		}
		unended = !first
	}
	if !unended {
		return nil, nil
	}
	return w.client.FindCheck(ctx, w.repo, s.head, checkName(s.baseRef))
}

// noteBegun notes that a check run is about to be written at the head, before anything
// is found: the findings are those of the scan before.
func (w *worker) noteBegun(ctx context.Context, s subject, before store.Scan) error {
	if s.pull == nil {
		return nil // see begun
	}
	shown, err := shownBefore(before)
	if err != nil {
		return err
	}
	shown.Held = true
	record := before
	if record.Result, err = json.Marshal(shown); err != nil {
		return fmt.Errorf("encode the scan: %w", err)
	}
	record.RepoID, record.Pull, record.Generation, record.Open, record.At = w.repo.ID, s.pull.Number, w.generation, true, w.cfg.Now()
	record.Head, record.BaseRef, record.CheckID = s.head, s.baseRef, 0
	err = w.cfg.Store.PutScan(ctx, record)
	if errors.Is(err, store.ErrStale) {
		return errOvertaken
	}
	return err
}

// startCheck opens a check run in progress. While a rescan of the same head is
// made, the run of the scan before stays as it is, and 0 is returned.
func (w *worker) startCheck(ctx context.Context, s subject, before store.Scan) (int64, error) {
	if s.shownBy(before) != 0 {
		return 0, nil
	}
	if err := w.mayWrite(ctx); err != nil {
		return 0, err
	}
	if run, err := w.begun(ctx, s, before); err != nil || run != nil {
		return 0, err
	}
	if err := w.noteBegun(ctx, s, before); err != nil {
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
	case check == 0 && same && s.shownBy(before) != 0:
		check, out.Annotations = before.CheckID, nil
	case check == 0:
		run, err := w.begun(ctx, s, before)
		if err != nil {
			return 0, err
		}
		if run == nil || !w.takes(s, run, before, &out, same) {
			return w.client.CompleteCheck(ctx, w.repo, out)
		}
		check = run.ID
	}
	return check, w.client.FinishCheck(ctx, w.repo, check, out)
}

// takes reports whether run, which an earlier attempt left, can become what out says,
// and takes out of it what that run has already.
func (w *worker) takes(s subject, run *github.CheckRun, before store.Scan, out *github.Check, same bool) bool {
	switch {
	case !run.Completed || run.Annotations == 0:
		return true // there is nothing that would have to be taken away
	case same && run.ExternalID == w.externalIDOf(s, before.Generation), run.Title == out.Title && run.Summary == out.Summary:
		out.Annotations = nil
		return true
	}
	return false
}

// externalID marks a check run as this generation's, so that a repeated attempt
// finds it.
func (w *worker) externalID(s subject) string { return w.externalIDOf(s, w.generation) }

func (w *worker) externalIDOf(s subject, generation int64) string {
	number := 0
	if s.pull != nil {
		number = s.pull.Number
	}
	return fmt.Sprintf("%d/%d/%s/%d", w.repo.ID, number, s.baseRef, generation)
}

// beyondBounds says that a change cannot be judged, whatever is tried.
func beyondBounds(s subject, err error) github.Check {
	return github.Check{
		Name: checkName(s.baseRef), Head: s.head, Conclusion: policy.Failure,
		Title:   "The change is too large to be judged",
		Summary: "Nothing that could not be looked at passes. Split the change, or rebase it onto the base branch:\n\n" + report.Fenced(err.Error()),
	}
}

// notPermitted says that GitHub does not let the App know what it must know: whether
// somebody is in a team, say.
func notPermitted(s subject, err error) github.Check {
	return github.Check{
		Name: checkName(s.baseRef), Head: s.head, Conclusion: policy.Failure,
		Title:   "GitHub refuses what this check needs to know",
		Summary: "The App lacks a permission, or it was not accepted yet in this installation. A policy that names teams needs \"Members: read\" of the organisation. Give it, and ask again with `/lockkeeper rescan`:\n\n" + report.Fenced(err.Error()),
	}
}

func brokenRules(s subject, err error) github.Check {
	return github.Check{
		Name: checkName(s.baseRef), Head: s.head, Conclusion: policy.Failure,
		Title:   "The rules of this repository cannot be read",
		Summary: fmt.Sprintf("A file in `.lockkeeper` on the branch %s has a mistake, so no pull request can be judged until its owners mend it:\n\n%s\n`lockkeeper policy check` finds such mistakes before they are merged.", report.Code(s.baseRef), report.Fenced(err.Error())),
	}
}

func brokenOrganisation(s subject, err *organisationError) github.Check {
	return github.Check{
		Name: checkName(s.baseRef), Head: s.head, Conclusion: policy.Failure,
		Title: "The organisation's policy cannot be read",
		Summary: fmt.Sprintf("The policy of all repositories of %s, `%s` on the default branch of its repository `%s`, cannot be read, so no pull request can be judged until its owners mend it:\n\n%s",
			report.Code(err.owner), policy.Path, organisationRepo, report.Fenced(err.Error())),
	}
}

// hold writes a check that says why nothing can be judged. The next scan starts a
// run of its own. What was shown before stays known, since people may speak of it
// meanwhile.
func (w *worker) hold(ctx context.Context, s subject, check int64, before store.Scan, out github.Check) error {
	out.ExternalID = w.externalID(s)
	if err := w.noteBegun(ctx, s, before); err != nil {
		return err
	}
	check, err := w.finishCheck(ctx, s, check, before, out, false)
	if err != nil || s.pull == nil {
		return err
	}
	shown, err := shownBefore(before)
	if err != nil {
		return err
	}
	shown.Held = true
	encoded, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("encode the scan: %w", err)
	}
	record := before
	record.RepoID, record.Pull, record.Generation, record.Open = w.repo.ID, s.pull.Number, w.generation, true
	record.Head, record.BaseRef, record.CheckID, record.Conclusion, record.Result, record.At = s.head, s.baseRef, check, out.Conclusion, encoded, w.cfg.Now()
	err = w.cfg.Store.PutScan(ctx, record)
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}

// publish looks again and writes, or drops what is no longer of the newest scan.
func (w *worker) publish(ctx context.Context, s subject, check int64, before store.Scan, v *verdict) (written bool, err error) {
	r := v.report
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
		return err == nil, err
	}
	now, err := w.client.Pull(ctx, w.repo, s.pull.Number)
	if err != nil {
		return false, err
	}
	if !now.Open || now.Head != s.head || now.BaseRef != s.baseRef {
		zerolog.Ctx(ctx).Info().Msg("dropped a result: the pull request moved on")
		return false, nil
	}
	shown, err := shownBefore(before)
	if err != nil {
		return false, err
	}
	found := summaryOf(r, shown, w.cfg.Now())
	same := found.same(shown)
	record := store.Scan{
		RepoID: w.repo.ID, Pull: s.pull.Number, Head: s.head, Open: true, Base: v.sides.tipID, BaseRef: s.baseRef, MergeBase: v.sides.mergeBase,
		CommentID: before.CommentID, CommentDigest: before.CommentDigest,
		Generation: w.generation, Conclusion: r.Decision.Conclusion, At: w.cfg.Now(),
	}
	if check == 0 && same { // else it is not certain which run will show it; see begun
		record.CheckID = s.shownBy(before)
	}
	if record.Result, err = json.Marshal(found); err != nil {
		return false, fmt.Errorf("encode the scan: %w", err)
	}
	err = w.cfg.Store.PutScan(ctx, record)
	if errors.Is(err, store.ErrStale) {
		zerolog.Ctx(ctx).Info().Msg("dropped a result: a newer scan was made")
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := w.keepReport(ctx, record, r); err != nil {
		return false, err
	}
	if err := w.keep(ctx, s, r); err != nil {
		return false, err
	}
	if record.CheckID, err = w.finishCheck(ctx, s, check, before, out, same); err != nil {
		return false, err
	}
	if err := w.comment(ctx, s, &record, r, v.own); err != nil {
		return false, err
	}
	w.count(shown, r)
	record.At = w.cfg.Now()
	if record.Result, err = json.Marshal(found.shownFrom(record.At)); err != nil {
		return false, fmt.Errorf("encode the scan: %w", err)
	}
	err = w.cfg.Store.PutScan(ctx, record)
	if errors.Is(err, store.ErrStale) {
		return false, nil
	}
	return err == nil, err
}

func annotations(all []report.Annotation) []github.Annotation {
	out := make([]github.Annotation, len(all))
	for i, a := range all {
		out[i] = github.Annotation{Path: a.Path, Line: a.Line, Level: github.AnnotationLevel(a.Level), Title: a.Title, Message: a.Message}
	}
	return out
}

// comment writes the one comment if its meaning changed, and notes that in record. A
// pull request about which there is nothing to say gets none. own is the oldest
// comment of this kind that was found there, 0 for none.
func (w *worker) comment(ctx context.Context, s subject, record *store.Scan, r *report.Report, own int64) error {
	body := report.Comment(r, w.detailsURL(w.repo, s.pull.Number))
	digest := string(report.Meaning(r))
	silent := record.CommentID == 0 && len(r.Answers) == 0 && r.Decision.Count(policy.Open, policy.Blocked, policy.Rejected, policy.Signed) == 0
	if digest == record.CommentDigest || silent {
		return nil
	}
	if err := w.mayWrite(ctx); err != nil {
		return err
	}
	if record.CommentID == 0 { // a store that was lost must not lead to a second comment
		record.CommentID = own
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
	return nil
}
