package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// Onboarding is how repositories without rules are told how to start.
type Onboarding struct {
	// Mode that the policy of the pull request has. Empty means policy.Changes. With
	// policy.All the allowlist lists what the lockfiles hold today.
	Mode policy.Mode
	// Pace is the time between two repositories of one installation; 0 means 30
	// seconds. GitHub takes some 500 writes an hour that people are told of, and one
	// repository takes four.
	Pace time.Duration
}

// installation notes which repositories the App is installed on, and has those
// onboarded that are new, one after the other.
func (w *worker) installation(ctx context.Context) error {
	repos, err := w.client.Repos(ctx)
	if errors.Is(err, github.ErrNotFound) {
		return w.cfg.Store.RemoveInstallation(ctx, w.job.Installation)
	}
	var status *github.StatusError
	if errors.As(err, &status) && status.Status == 403 {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("the installation is suspended")
		return nil
	}
	if err != nil {
		return err
	}
	known, err := w.cfg.Store.Repositories(ctx)
	if err != nil {
		return err
	}
	onboarded := map[int64]bool{}
	for _, r := range known {
		if r.Installation != w.job.Installation {
			continue
		}
		onboarded[r.ID] = r.Onboarded
		if !slices.ContainsFunc(repos, func(now github.Repo) bool { return now.ID == r.ID }) {
			if err := w.cfg.Store.RemoveRepository(ctx, r.ID); err != nil {
				return err
			}
		}
	}
	// New ones first: of the others some have nothing to watch, and are looked at again.
	slices.SortStableFunc(repos, func(a, b github.Repo) int {
		_, knownA := onboarded[a.ID]
		_, knownB := onboarded[b.ID]
		switch {
		case knownA == knownB:
			return 0
		case knownA:
			return 1
		}
		return -1
	})
	now := w.cfg.Now()
	next := now
	for _, r := range repos {
		if err := w.cfg.Store.PutRepository(ctx, store.Repository{ID: r.ID, Owner: r.Owner, Name: r.Name, Installation: w.job.Installation}); err != nil {
			return err
		}
		stored, found, err := w.cfg.Store.Repository(ctx, r.ID) // one that came back knows more
		if err != nil {
			return err
		}
		if w.cfg.Onboarding == nil || onboarded[r.ID] || found && stored.Onboarded {
			continue
		}
		job := queue.Job{Kind: queue.Onboard, Installation: w.job.Installation, RepoID: r.ID, Owner: r.Owner, Repo: r.Name, Background: true, Delivery: w.job.Delivery}
		put := func() error { return w.queue.PutLater(ctx, job, next) }
		if next.Equal(now) {
			put = func() error { return w.queue.Put(ctx, job) }
		}
		if err := put(); err != nil {
			return err
		}
		next = next.Add(w.cfg.Onboarding.pace())
	}
	// What was open before the App came must not wait until its turn.
	return w.sweepInstallation(ctx, w.job.Installation)
}

func (o *Onboarding) pace() time.Duration {
	if o.Pace > 0 {
		return o.Pace
	}
	return 30 * time.Second
}

// offerOnboarding has a repository onboarded that shows itself to have no rules. The
// webhook that told of its installation may have been lost, or there was no lockfile
// in it then.
func (w *worker) offerOnboarding(ctx context.Context, s subject, r *report.Report) error {
	if w.cfg.Onboarding == nil || s.pull == nil || r.Onboarded || len(r.Scan.Lockfiles) == 0 {
		return nil
	}
	stored, _, err := w.cfg.Store.Repository(ctx, w.repo.ID)
	if err != nil || stored.Onboarded {
		return err
	}
	return w.put(ctx, queue.Job{Kind: queue.Onboard, Background: true})
}

// onboard opens the one pull request that proposes rules, unless the repository has
// some, had one before, or has nothing to watch. It may be done any number of times,
// and be broken off anywhere.
func (w *worker) onboard(ctx context.Context) error {
	if w.cfg.Onboarding == nil {
		return nil
	}
	repo, err := w.client.Installed(ctx, w.repo.Owner, w.repo.Name)
	if err != nil {
		return err
	}
	if repo.ID != w.repo.ID || repo.Archived || repo.Fork || repo.DefaultBranch == "" {
		return nil
	}
	w.repo = repo.Repo
	stored, found, err := w.cfg.Store.Repository(ctx, repo.ID)
	if err != nil || found && stored.Onboarded {
		return err
	}
	if !found {
		if err := w.cfg.Store.PutRepository(ctx, store.Repository{ID: repo.ID, Owner: repo.Owner, Name: repo.Name, Installation: w.job.Installation}); err != nil {
			return err
		}
	}
	tip, err := w.client.Tip(ctx, w.repo, repo.DefaultBranch)
	if github.Empty(err) || errors.Is(err, github.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// GitHub remembers as well, should the database be lost.
	before, err := w.client.PullsFrom(ctx, w.repo, onboardingBranch, "")
	if err != nil {
		return err
	}
	if len(before) > 0 {
		return w.onboardingKnown(ctx, before[0])
	}
	if may, err := w.granted(ctx, "repositories get no pull request that says how to start"); err != nil || !may {
		return err
	}
	return given(ctx, w.proposeRules(ctx, tip), "the pull request that says how to start could not be opened")
}

// onboardingKnown notes what became of the pull request.
func (w *worker) onboardingKnown(ctx context.Context, pull *github.Pull) error {
	offer := store.Offer{Kind: store.OnboardingOffer, BaseRef: pull.BaseRef, Pull: pull.Number, State: store.OfferOpen}
	switch {
	case pull.Merged:
		offer.State = store.OfferClosed
	case !pull.Open:
		offer.State = store.OfferDeclined
	}
	if err := w.cfg.Store.PutOffer(ctx, w.repo.ID, offer); err != nil {
		return err
	}
	return w.cfg.Store.SetOnboarded(ctx, w.repo.ID, true)
}

// onboardingClosed notes that people decided about the pull request.
func (w *worker) onboardingClosed(ctx context.Context, pull *github.Pull) error {
	if _, found, err := w.cfg.Store.Repository(ctx, w.repo.ID); err != nil || !found {
		return err
	}
	return w.onboardingKnown(ctx, pull)
}

// proposeRules opens the pull request on top of tip.
func (w *worker) proposeRules(ctx context.Context, tip string) error {
	tree := w.tree(tip)
	rules, err := scan.ReadRules(ctx, tree, tree)
	var broken *scan.RulesError
	if errors.As(err, &broken) || err == nil && rules.Onboarded {
		return w.cfg.Store.SetOnboarded(ctx, w.repo.ID, true)
	}
	if err != nil {
		return err
	}
	text := report.Onboarding{Base: w.repo.DefaultBranch, Check: checkName(w.repo.DefaultBranch), All: w.cfg.Onboarding.Mode == policy.All}
	if text.Lockfiles, err = scan.Lockfiles(ctx, tree); err != nil || len(text.Lockfiles) == 0 {
		return err // nothing to watch yet; a pull request that adds something comes back here
	}
	list := []byte(allowlist.Template)
	if text.All {
		if list, err = w.seed(ctx, tree, tip, &text); err != nil {
			return err
		}
	}
	sha, err := w.client.CreateCommit(ctx, w.repo, tip, "lockkeeper: rules for lockfile changes\n\n"+trailer+"\n", []github.Written{
		{Path: policy.Path, Content: []byte(templateFor(w.cfg.Onboarding.Mode))}, {Path: allowlist.Path, Content: list},
	})
	if err != nil {
		return err
	}
	// A branch that is there without a pull request was left by a try before.
	was, err := w.client.Tip(ctx, w.repo, onboardingBranch)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return err
	}
	if err := w.mayWrite(ctx); err != nil {
		return err
	}
	if err := w.client.PutBranch(ctx, w.repo, onboardingBranch, was, sha, true); err != nil {
		return err
	}
	number, err := w.client.OpenPull(ctx, w.repo, onboardingBranch, w.repo.DefaultBranch, text.Title(), text.Text())
	if err != nil {
		return err
	}
	zerolog.Ctx(ctx).Info().Int("number", number).Msg("opened the pull request that says how to start")
	return w.onboardingKnown(ctx, &github.Pull{Number: number, Open: true, BaseRef: w.repo.DefaultBranch})
}

// templateFor is the commented policy with that mode.
func templateFor(mode policy.Mode) string {
	if mode != policy.All {
		return policy.Template
	}
	return strings.Replace(policy.Template, `mode      = "changes"`, `mode      = "all"`, 1)
}

// seed lists what the lockfiles hold today, and says what it could not list.
func (w *worker) seed(ctx context.Context, tree scan.Tree, tip string, text *report.Onboarding) ([]byte, error) {
	scanner := *w.cfg.Scanner
	if !w.cfg.NoForeign {
		scanner.Repositories = w.client.Public()
	}
	result, err := scanner.Standing(ctx, scan.Input{Head: tree, HeadName: tip, Policy: &policy.Policy{Mode: policy.All}})
	if err != nil {
		return nil, err
	}
	for _, f := range result.Findings {
		e, ok := f.Entry()
		if f.Rule != policy.BuildCodeUnlisted || !ok {
			text.Unseeded = append(text.Unseeded, strings.TrimSpace(fmt.Sprintf("%s %s %s: %s", f.Lockfile, f.Package.Name, f.Package.Version, f.Message)))
			continue
		}
		e.Reason = "in use before Lockkeeper was installed"
		if !slices.ContainsFunc(text.Seeded, e.Same) {
			text.Seeded = append(text.Seeded, e)
		}
	}
	slices.SortStableFunc(text.Seeded, func(a, b allowlist.Entry) int { return strings.Compare(a.Package, b.Package) })
	return allowlist.Append([]byte(allowlist.Template), text.Seeded...)
}
