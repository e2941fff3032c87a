package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/store"
)

// curate does what a result calls for beside showing it.
func (w *worker) curate(ctx context.Context, s subject, c *sides, r *report.Report) error {
	if s.pull == nil {
		return nil
	}
	if w.isOwn(s.pull, "") && !w.isOwn(s.pull, onboardingBranch) {
		// Somebody may have pushed to it, which its text has to say.
		return w.put(ctx, queue.Job{Kind: queue.Record, Ref: s.pull.BaseRef, Background: true})
	}
	return errors.Join(w.recordOnBranch(ctx, s, c, r), w.offerOnboarding(ctx, s, r))
}

// signedBody is what the store keeps of a signed finding: what it takes to record it.
type signedBody struct {
	Finding  policy.Finding     `json:"finding"`
	SignedBy []policy.Statement `json:"signed_by"`
}

// entry is the allow entry that records what was signed in a pull request.
func (b signedBody) entry(pull int) (allowlist.Entry, bool) {
	return policy.RecordEntry(policy.Outcome{Finding: b.Finding, State: policy.Signed, SignedBy: b.SignedBy}, fmt.Sprintf("#%d", pull))
}

// recordable are the signed outcomes that an allow entry can record, each with its
// entry.
func recordable(d policy.Decision, pull int) (outcomes []policy.Outcome, entries []allowlist.Entry) {
	for _, o := range d.Outcomes {
		if e, ok := policy.RecordEntry(o, fmt.Sprintf("#%d", pull)); ok {
			outcomes, entries = append(outcomes, o), append(entries, e)
		}
	}
	return outcomes, entries
}

// keep stores what must outlive a scan before its result is shown: what the findings
// are that people may speak of, which of them are signed off, and by whose reviews.
func (w *worker) keep(ctx context.Context, s subject, r *report.Report) error {
	if s.pull == nil || !r.Onboarded {
		return nil
	}
	// Whatever the webhook of the installation came to, the audit trail names the
	// repository.
	if known, found, err := w.cfg.Store.Repository(ctx, w.repo.ID); err != nil {
		return err
	} else if !found || known.Owner != w.repo.Owner || known.Name != w.repo.Name {
		if err := w.cfg.Store.PutRepository(ctx, store.Repository{ID: w.repo.ID, Owner: w.repo.Owner, Name: w.repo.Name, Installation: w.job.Installation}); err != nil {
			return err
		}
	}
	var findings []store.Finding
	for _, o := range r.Decision.Outcomes {
		if o.State == policy.Warned || o.State == policy.Admitted {
			continue
		}
		what := o.Finding.Package.String()
		if o.Finding.Package.Name == "" {
			what = o.Finding.Lockfile
		}
		findings = append(findings, store.Finding{Digest: o.Digest, Rule: string(o.Finding.Rule), Package: what})
	}
	if err := w.cfg.Store.PutFindings(ctx, w.repo.ID, findings); err != nil {
		return err
	}
	signed, _ := recordable(r.Decision, s.pull.Number)
	var rows []store.Signed
	for _, o := range signed {
		f := o.Finding
		if f.Code != nil {
			code := *f.Code
			code.Diff, code.Uses = "", nil
			f.Code = &code
		}
		body, err := json.Marshal(signedBody{f, o.SignedBy})
		if err != nil {
			return fmt.Errorf("encode a signed finding: %w", err)
		}
		rows = append(rows, store.Signed{Finding: o.Digest, Body: body})
	}
	if err := w.cfg.Store.PutSigned(ctx, w.repo.ID, s.pull.Number, s.baseRef, s.head, rows); err != nil {
		return err
	}
	return w.auditApprovals(ctx, s, r.Decision)
}

// auditApprovals records which reviews signed findings off. Statements have recorded
// themselves.
func (w *worker) auditApprovals(ctx context.Context, s subject, d policy.Decision) error {
	var digests []lockkeeper.Digest
	for _, o := range d.Outcomes {
		if o.State == policy.Signed {
			digests = append(digests, o.Finding.Digests()...)
		}
	}
	if len(digests) == 0 {
		return nil
	}
	stated, err := w.cfg.Store.Statements(ctx, w.repo.ID, digests)
	if err != nil {
		return err
	}
	for _, o := range d.Outcomes {
		if o.State != policy.Signed {
			continue
		}
		for _, by := range o.SignedBy {
			if slices.ContainsFunc(stated, func(st policy.Statement) bool {
				return st.By == by.By && st.Where == by.Where && st.Finding == by.Finding
			}) {
				continue
			}
			e := store.Event{
				RepoID: w.repo.ID, Pull: s.pull.Number, Kind: store.AuditApproval, By: by.By, Login: by.Login, Finding: o.Digest,
				Rule: string(o.Finding.Rule), Package: o.Finding.Package.String(), Reason: by.Reason, Where: by.Where, At: by.At,
			}
			if o.Finding.Package.Name == "" {
				e.Package = o.Finding.Lockfile
			}
			if err := w.cfg.Store.AddEvent(ctx, e, fmt.Sprintf("review:%d:%d:%s", s.pull.Number, by.By, lockkeeper.Sum([]byte(by.Where)).Short())); err != nil {
				return err
			}
		}
	}
	return nil
}

// ended notes what the end of a pull request means. One that was merged leaves
// sign-offs to be recorded.
func (w *worker) ended(ctx context.Context, pull *github.Pull) error {
	if err := w.cfg.Store.EndSigned(ctx, w.repo.ID, pull.Number, pull.Merged, pull.Head); err != nil {
		return err
	}
	if w.isOwn(pull, onboardingBranch) {
		return w.onboardingClosed(ctx, pull)
	}
	if pull.Merged || w.isOwn(pull, "") {
		return w.put(ctx, queue.Job{Kind: queue.Record, Ref: pull.BaseRef})
	}
	return nil
}

// isOwn reports whether a pull request comes from that branch of Lockkeeper's own,
// from any of them where branch is empty. What it is good for does not depend on who
// opened it.
func (w *worker) isOwn(pull *github.Pull, branch string) bool {
	return strings.EqualFold(pull.HeadRepo, w.repo.String()) && (pull.HeadRef == branch || branch == "" && strings.HasPrefix(pull.HeadRef, ownBranches))
}

// put queues a job about this repository.
func (w *worker) put(ctx context.Context, job queue.Job) error {
	if err := w.queue.Put(ctx, w.about(job)); err != nil {
		return fmt.Errorf("queue a job of kind %s: %w", job.Kind, err)
	}
	return nil
}

// about fills in the repository, and the delivery that led to it.
func (w *worker) about(job queue.Job) queue.Job {
	job.Installation, job.RepoID, job.Owner, job.Repo = w.job.Installation, w.repo.ID, w.repo.Owner, w.repo.Name
	job.Delivery = w.job.Delivery
	return job
}

// noteRecording says in the result whether its sign-offs are recorded, and what keeps
// them from being recorded as the policy has it.
func (w *worker) noteRecording(ctx context.Context, s subject, c *sides, r *report.Report) {
	how := c.rules.Policy.Records()
	if s.pull == nil || !r.Onboarded || w.cfg.NoRecord || how == policy.RecordNone {
		return
	}
	r.Records = true
	if signed, _ := recordable(r.Decision, s.pull.Number); len(signed) == 0 {
		return
	}
	note := func(text string) { r.Decision.Notes = append(r.Decision.Notes, text) }
	may, err := w.granted(ctx, "sign-offs are not recorded in the allowlist")
	switch {
	case err != nil:
		zerolog.Ctx(ctx).Warn().Err(err).Msg("could not look up what the App may write")
	case !may:
		r.Records = false
		note("these sign-offs hold, but will not be recorded in " + allowlist.Path + ": the App may not write contents and pull requests here; grant it that, or set record = \"none\" in the policy")
	case how == policy.RecordBranch:
		if why := w.otherBranch(s.pull, c.rules.Policy); why != "" {
			note("these sign-offs are recorded by a pull request of Lockkeeper's own after the merge, not on this branch: " + why)
		}
	}
}

// otherBranch says why nothing is committed to the branch of a pull request although
// the policy says so; empty if something is.
func (w *worker) otherBranch(pull *github.Pull, rules *policy.Policy) string {
	switch {
	case !strings.EqualFold(pull.HeadRepo, w.repo.String()):
		return "it is in a fork"
	case pull.Author.Bot && !rules.BotBranches:
		return "it is a bot's, and the policy does not say bot-branches = true"
	}
	return ""
}

// recordOnBranch commits the entries that record what was signed off onto the branch
// of the pull request, once nothing else in it waits. Whoever pushed meanwhile is not
// disturbed: their push is scanned, and this comes again.
func (w *worker) recordOnBranch(ctx context.Context, s subject, c *sides, r *report.Report) error {
	if s.pull == nil || !r.Onboarded || w.cfg.NoRecord || c.rules.Policy.Records() != policy.RecordBranch || w.otherBranch(s.pull, c.rules.Policy) != "" ||
		r.Decision.Count(policy.Open, policy.Rejected, policy.Blocked) > 0 {
		return nil
	}
	_, entries := recordable(r.Decision, s.pull.Number)
	if len(entries) == 0 {
		return nil
	}
	if may, err := w.granted(ctx, "sign-offs are not recorded in the allowlist"); err != nil || !may {
		return err
	}
	before, err := readFile(ctx, c.head, allowlist.Path)
	if err != nil {
		return err
	}
	after, err := allowlist.Append(before, entries...)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("sign-offs cannot be recorded in this allowlist")
		return nil
	}
	if string(after) == string(before) {
		return nil
	}
	sha, err := w.client.CreateCommit(ctx, w.repo, s.head, recordMessage(entries), []github.Written{{Path: allowlist.Path, Content: after}})
	if err != nil {
		return given(ctx, err, "a commit with sign-offs could not be made")
	}
	if err := w.mayWrite(ctx); err != nil {
		return err
	}
	err = w.client.PutBranch(ctx, w.repo, s.pull.HeadRef, s.head, sha, false)
	if errors.Is(err, github.ErrMoved) {
		return nil
	}
	return given(ctx, err, "sign-offs could not be committed onto the branch")
}

// given logs what GitHub refuses for good, such as a push to a protected branch: the
// same would be refused the next time. Other errors come back.
func given(ctx context.Context, err error, what string) error {
	var limited *github.RateLimited
	if err == nil || errors.As(err, &limited) || github.Temporary(err) || errors.Is(err, github.ErrMoved) {
		return err
	}
	zerolog.Ctx(ctx).Error().Err(err).Msg(what)
	return nil
}

// trailer marks commits of Lockkeeper's own, which may be replaced.
const trailer = "Recorded-by: Lockkeeper"

func recordMessage(entries []allowlist.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "allowlist: record %d sign-off", len(entries))
	if len(entries) > 1 {
		b.WriteByte('s')
	}
	b.WriteString("\n\n")
	for _, e := range entries[:min(len(entries), 100)] {
		fmt.Fprintf(&b, "%s %s, signed off in %s\n", e.Package, e.Versions, e.SignedOffIn)
	}
	return b.String() + "\n" + trailer + "\n"
}
