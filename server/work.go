package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/stage"
	"github.com/lockkeeper/lockkeeper/store"
)

// worker does one job in one repository.
type worker struct {
	*Server
	client     *github.Client
	repo       github.Repo
	job        queue.Job
	generation int64
	wrote      bool                    // something that others see; see settle
	persons    map[int64]policy.Person // looked up by this job
}

// subject is what one scan judges: a pull request's head, or a merge group's.
type subject struct {
	pull    *github.Pull // nil for a merge group
	baseRef string
	head    string
	tip     string // of the base branch, if it is known already
	private bool   // not everybody may read what is said here
	// queued are the open pull requests of which a merge group may be made.
	queued func(c *sides) []*github.Pull
}

// pull scans one pull request and answers what was said in it.
func (w *worker) pull(ctx context.Context, number int) error {
	pull, tip, err := w.pullAndTip(ctx, number)
	if err != nil {
		return err
	}
	w.repo = pull.Repo
	if !pull.Open {
		if err := w.closed(ctx, number); err != nil {
			return err
		}
		return w.ended(ctx, pull)
	}
	known := store.Repository{ID: w.repo.ID, Owner: w.repo.Owner, Name: w.repo.Name, Installation: w.job.Installation}
	if err := w.cfg.Store.PutRepository(ctx, known); err != nil {
		return err
	}
	return w.judge(ctx, subject{pull: pull, private: pull.Repo.Private, baseRef: pull.BaseRef, head: pull.Head, tip: tip})
}

// pullAndTip reads a pull request, and at the same time the tip of the branch that it
// was last known to go to; empty if it is another one by now.
func (w *worker) pullAndTip(ctx context.Context, number int) (pull *github.Pull, tip string, err error) {
	before, _, err := w.cfg.Store.GetScan(ctx, w.repo.ID, number)
	if err != nil {
		return nil, "", err
	}
	base := cmp.Or(w.job.Base, before.BaseRef)
	var both errgroup.Group
	both.Go(func() error {
		pull, err = w.client.Pull(ctx, w.repo, number)
		return err
	})
	if base != "" {
		both.Go(func() error {
			tip, _ = w.client.Tip(ctx, w.repo, base) // what is wrong with it shows when it is needed
			return nil
		})
	}
	if err := both.Wait(); err != nil {
		return nil, "", err
	}
	if pull.BaseRef != base {
		tip = ""
	}
	return pull, tip, nil
}

// closed notes that a pull request is open no more. Another one that is opened
// from the same commits is another one.
func (w *worker) closed(ctx context.Context, number int) error {
	record, found, err := w.cfg.Store.GetScan(ctx, w.repo.ID, number)
	if err != nil || !found || !record.Open {
		return err
	}
	record.Open, record.Generation = false, w.generation
	if err := w.cfg.Store.PutScan(ctx, record); !errors.Is(err, store.ErrStale) {
		return err
	}
	return nil
}

// branch queues every open pull request of a base branch whose rules may have
// changed, of all branches where it is empty.
func (w *worker) branch(ctx context.Context, branch string) error {
	if branch != "" && strings.EqualFold(w.repo.Name, organisationRepo) {
		if err := w.organisationChanged(ctx, branch); err != nil {
			return err
		}
	}
	pulls, err := w.client.OpenPulls(ctx, w.repo, branch)
	if err != nil {
		return err
	}
	if err := w.enqueue(ctx, pulls, queue.Job{Background: true}); err != nil {
		return err
	}
	return w.rulesMoved(ctx, branch, pulls)
}

// commit queues the pull requests of a commit whose check is asked for again.
func (w *worker) commit(ctx context.Context, sha string) error {
	pulls, err := w.client.PullsForCommit(ctx, w.repo, sha)
	if err != nil {
		return err
	}
	return w.enqueue(ctx, pulls, queue.Job{Person: true})
}

// enqueue queues pull requests as urgently as like is.
func (w *worker) enqueue(ctx context.Context, pulls []*github.Pull, like queue.Job) error {
	for _, p := range pulls {
		job := w.about(like)
		job.Kind, job.Pull, job.Base = queue.Pull, p.Number, p.BaseRef
		if err := w.queue.Put(ctx, job); err != nil {
			return fmt.Errorf("queue pull request %d: %w", p.Number, err)
		}
	}
	return nil
}

// judge is the straight line: fix base and head, scan, hear what people said,
// decide, look again, write, answer.
func (w *worker) judge(ctx context.Context, s subject) error {
	before, err := w.earlier(ctx, s)
	if err != nil {
		return err
	}
	ended := w.startIfSlow(ctx, s, before)
	v, err := w.line(ctx, s, before)
	check, failed := ended()
	if failed != nil {
		return errors.Join(failed, err)
	}
	var broken *scan.RulesError
	var organisation *organisationError
	var tooLarge *github.TooLarge
	var refused *github.StatusError
	switch {
	case errors.As(err, &organisation):
		return w.hold(ctx, s, check, before, brokenOrganisation(s, organisation))
	case errors.As(err, &broken):
		return w.hold(ctx, s, check, before, brokenRules(s, broken))
	case errors.As(err, &tooLarge):
		return w.hold(ctx, s, check, before, beyondBounds(s, tooLarge))
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden && !github.Temporary(err):
		return w.hold(ctx, s, check, before, notPermitted(s, refused))
	case err != nil:
		return err
	}
	writing, end := stage.Begin(ctx, stage.Write)
	written, err := w.publish(writing, s, check, before, v)
	end(err)
	if err != nil {
		return err
	}
	if written {
		if err := w.react(ctx, v); err != nil {
			return err
		}
		if err := w.curate(ctx, s, v.sides, v.report); err != nil {
			return err
		}
	}
	if v.report.Scan.Retry {
		v.again(w.cfg.Now().Add(retryUnverified))
	}
	if !v.next.IsZero() {
		return w.queue.PutLater(ctx, w.job, v.next)
	}
	return nil
}

// verdict is what the line came to.
type verdict struct {
	sides  *sides
	report *report.Report
	// statements that were made about the findings, and what was said in comments.
	statements []policy.Statement
	said       conversation
	heard      []heard
	own        int64     // the App's own comment, 0 if there is none
	next       time.Time // when to look again, whatever happens; zero for never
}

// again has the pull request looked at again at a time, or before.
func (v *verdict) again(at time.Time) {
	if v.next.IsZero() || at.Before(v.next) {
		v.next = at
	}
}

// line reads, scans and decides, and writes nothing to GitHub.
func (w *worker) line(ctx context.Context, s subject, before store.Scan) (*verdict, error) {
	v := &verdict{}
	rules, err := w.read(ctx, s, v)
	if err != nil {
		return nil, err
	}
	sides := v.sides
	scanner := *w.cfg.Scanner
	if !w.cfg.NoForeign {
		scanner.Repositories = w.client.Public()
	}
	if !s.private {
		// Whoever opens a pull request chooses what its lockfile names, and would be
		// shown it.
		scanner.Others = scan.ForEverybody(scanner.Others)
	}
	scanning, end := stage.Begin(ctx, stage.Scan)
	result, err := scanner.Run(scanning, scan.Input{
		Base: sides.base, Head: sides.head, BaseName: sides.mergeBase, HeadName: s.head, Policy: rules.Policy,
	})
	end(err)
	if err != nil {
		return nil, err
	}
	sides.rules = rules
	v.report = &report.Report{Scan: result, Onboarded: rules.Onboarded, BaseBranch: s.baseRef}
	if p := s.pull; p != nil {
		v.report.Pull = &report.Pull{Repository: w.repo.String(), Number: p.Number, Title: p.Title, Author: p.Author.Login, AuthorID: p.Author.ID, URL: p.URL}
	}
	in := rules.Input(result, w.cfg.Now())
	deciding, end := stage.Begin(ctx, stage.Decide)
	if s.pull != nil {
		err = w.decide(deciding, v, in, s, before)
	} else {
		err = w.decideGroup(deciding, v, in, s)
	}
	end(err)
	if err != nil {
		return nil, err
	}
	w.noteRecording(ctx, s, sides, v.report)
	return v, nil
}

// read brings both sides of a change, the rules that it is judged by and what was said
// in it. It asks for all that does not depend on each other at once.
func (w *worker) read(ctx context.Context, s subject, v *verdict) (rules scan.Rules, err error) {
	ctx, end := stage.Begin(ctx, stage.Read)
	defer func() { end(err) }()
	all, together := errgroup.WithContext(ctx)
	var organisation *policy.Policy
	all.Go(func() (err error) {
		organisation, err = w.organisation(together)
		return err
	})
	if s.pull != nil {
		all.Go(func() (err error) {
			v.said, err = w.said(together, s)
			return err
		})
	}
	all.Go(func() error {
		_, err := w.tree(s.head).Files(together) // for sides, which needs them soon
		return err
	})
	all.Go(func() (err error) {
		if v.sides, err = w.sides(together, s.baseRef, s.tip, s.head); err != nil {
			return err
		}
		rules, err = scan.ReadRules(together, v.sides.tip, v.sides.head)
		return err
	})
	if err := all.Wait(); err != nil {
		return scan.Rules{}, err
	}
	return rules.Under(organisation), nil
}

// sides are the revisions of one change.
type sides struct {
	base, head, tip  scan.Tree
	mergeBase, tipID string
	commits          []github.Commit
	unrelated        bool // there is no merge base, and so no list of commits
	rules            scan.Rules
}

// emptyTree is the base of a head that has no history in common with the branch.
type emptyTree struct{}

func (emptyTree) Files(context.Context) ([]lockkeeper.TreeFile, error) { return nil, nil }

func (emptyTree) Read(_ context.Context, f lockkeeper.TreeFile, _ int64) ([]byte, error) {
	return nil, fmt.Errorf("%s is not there", f.Path)
}

// sides fixes the tip of the base branch, the merge base and the commits between.
// Without a common ancestor everything in the head is new.
func (w *worker) sides(ctx context.Context, baseRef, tip, head string) (*sides, error) {
	if tip == "" {
		var err error
		if tip, err = w.client.Tip(ctx, w.repo, baseRef); err != nil {
			return nil, err
		}
	}
	out := &sides{tip: w.tree(tip), tipID: tip, head: w.tree(head)}
	comparison, err := w.client.Compare(ctx, w.repo, tip, head)
	switch {
	case errors.Is(err, github.ErrNoMergeBase):
		out.base, out.mergeBase, out.unrelated = emptyTree{}, "none", true
		return out, nil
	case err != nil:
		return nil, err
	}
	out.mergeBase, out.commits = comparison.MergeBase, comparison.Commits
	out.base = w.tree(out.mergeBase)
	if out.mergeBase == tip {
		out.base = out.tip
	}
	return out, nil
}

func (w *worker) tree(commit string) scan.Tree {
	return &commitTree{client: w.client, objects: w.objects, installation: w.job.Installation, repo: w.repo, commit: commit}
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
