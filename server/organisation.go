package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/scan"
)

// organisationRepo is the repository of each owner whose default branch may hold
// the policy of all of them.
const organisationRepo = ".github"

// organisationError is a policy of the organisation that cannot be read. What it
// forbids is not known, so nothing passes.
type organisationError struct {
	owner string
	err   error
}

func (e *organisationError) Error() string { return e.err.Error() }
func (e *organisationError) Unwrap() error { return e.err }

// readOrganisation reads the policy of the repository's owner, nil where there is none.
// GitHub does not tell a repository that is not there from one that is hidden from
// the App, so that a policy which was seen once must not silently be gone.
func (w *worker) readOrganisation(ctx context.Context) (*policy.Policy, error) {
	repo := github.Repo{Owner: w.repo.Owner, Name: organisationRepo}
	data, err := w.client.File(ctx, repo, policy.Path, scan.MaxGuardSize)
	switch {
	case errors.Is(err, github.ErrNotFound):
		return nil, w.noOrganisation(ctx, repo)
	case github.Temporary(err):
		return nil, err
	case err != nil:
		return nil, &organisationError{w.repo.Owner, err}
	}
	if err := w.noteOrganisation(ctx, true); err != nil {
		return nil, err
	}
	p, err := policy.Parse(fmt.Sprintf("%s:%s", repo, policy.Path), data)
	if err != nil {
		return nil, &organisationError{w.repo.Owner, err}
	}
	return p, nil
}

// noOrganisation makes sure that a policy which was there was taken away, not
// hidden.
func (w *worker) noOrganisation(ctx context.Context, repo github.Repo) error {
	was, _, err := w.cfg.Store.Fact(ctx, w.organisationKey())
	if err != nil || string(was) != "there" {
		return err
	}
	_, err = w.client.Repo(ctx, repo.Owner, repo.Name)
	if errors.Is(err, github.ErrNotFound) {
		return &organisationError{repo.Owner, fmt.Errorf("the repository %s, which had a policy for all repositories, cannot be seen any more; let the App see it again, or remove %s from it first", repo, policy.Path)}
	}
	if err != nil {
		return err
	}
	return w.noteOrganisation(ctx, false)
}

func (w *worker) noteOrganisation(ctx context.Context, there bool) error {
	value := "none"
	if there {
		value = "there"
	}
	was, _, err := w.cfg.Store.Fact(ctx, w.organisationKey())
	if err != nil || string(was) == value {
		return err
	}
	return w.cfg.Store.PutFact(ctx, w.organisationKey(), []byte(value))
}

func (w *worker) organisationKey() string {
	return "organisation policy 1 " + strings.ToLower(w.repo.Owner)
}

// organisationChanged queues all repositories of the installation, whose rules a
// push to the default branch of the organisation's repository may have changed.
func (w *worker) organisationChanged(ctx context.Context, branch string) error {
	repo, err := w.client.Repo(ctx, w.repo.Owner, w.repo.Name)
	if err != nil || repo.DefaultBranch != branch {
		return err
	}
	if err := w.noteOrganisationChange(ctx); err != nil {
		return err
	}
	repos, err := w.client.Repos(ctx)
	if err != nil {
		return err
	}
	for _, r := range repos {
		job := queue.Job{Kind: queue.Repository, Installation: w.job.Installation, RepoID: r.ID, Owner: r.Owner, Repo: r.Name, Background: true, Delivery: w.job.Delivery}
		if err := w.queue.Put(ctx, job); err != nil {
			return fmt.Errorf("queue the pull requests of %s: %w", r, err)
		}
	}
	return nil
}
