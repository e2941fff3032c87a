package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// people adds to in what policy must know of persons: who wrote the change, who
// said what, and what rights they have now.
func (w *worker) people(ctx context.Context, in *policy.Input, s subject, before store.Scan, c *sides, result *scan.Result) error {
	for i, a := range s.authors(c.commits) {
		if i == 0 {
			in.Author = policy.Person{ID: a.ID, Login: a.Login, Bot: a.Bot}
			continue
		}
		in.Contributors = append(in.Contributors, a.ID)
	}
	if s.pull != nil {
		if err := w.hear(ctx, *in, s, before); err != nil {
			return err
		}
	}
	var digests []lockkeeper.Digest
	for _, f := range in.Findings {
		digests = append(digests, f.Digest())
	}
	var err error
	if in.Statements, err = w.cfg.Store.Statements(ctx, w.repo.ID, digests); err != nil {
		return err
	}
	if s.pull != nil && in.Proposed != nil {
		if in.Approvals, err = w.approvals(ctx, s, in.ProposedDigest); err != nil {
			return err
		}
	}
	speakers := speakersOf(*in)
	if len(speakers) == 0 {
		return nil
	}
	if err := w.rights(ctx, in, speakers); err != nil {
		return err
	}
	return w.contributors(ctx, in, c, result, speakers)
}

// speakersOf are the persons whose words could count, by id.
func speakersOf(in policy.Input) map[int64]string {
	speakers := map[int64]string{}
	for _, st := range in.Statements {
		speakers[st.By] = st.Login
	}
	for _, a := range in.Approvals {
		speakers[a.By] = a.Login
	}
	return speakers
}

// rights looks up what each speaker may do now. Somebody who cannot be found has
// no rights.
func (w *worker) rights(ctx context.Context, in *policy.Input, speakers map[int64]string) error {
	in.People = map[int64]policy.Person{}
	for id, login := range speakers {
		person, err := w.client.Person(ctx, w.repo, github.Account{ID: id, Login: login}, in.Policy.Teams())
		if err != nil {
			return err
		}
		in.People[id] = person
	}
	return nil
}

// contributors finds out which speakers wrote part of what they speak about.
// Only commits of speakers, and those whose author is nobody known, need a closer
// look: whether they touch a watched file.
func (w *worker) contributors(ctx context.Context, in *policy.Input, c *sides, result *scan.Result, speakers map[int64]string) error {
	if c.unrelated {
		in.Unresolved = append(in.Unresolved, "a history that has nothing in common with the base branch")
	}
	for _, commit := range c.commits {
		ids, unresolved := hands(commit)
		relevant := unresolved != "" || slices.ContainsFunc(ids, func(id int64) bool { _, speaks := speakers[id]; return speaks })
		if !relevant {
			continue
		}
		files, err := w.client.CommitFiles(ctx, w.repo, commit.SHA)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(files, func(p string) bool { return slices.Contains(result.Touched, p) || scan.Watched(in.Policy, p) }) {
			continue
		}
		in.Contributors = append(in.Contributors, ids...)
		if unresolved != "" {
			in.Unresolved = append(in.Unresolved, fmt.Sprintf("%.10s by %s", commit.SHA, unresolved))
		}
	}
	return nil
}

// hands are the accounts that had a hand in a commit, and whether its author or
// committer is nobody known. A co-author who cannot be resolved is left out:
// whoever wants to hide one leaves the trailer out as well, and tools write
// trailers of their own.
func hands(c github.Commit) (ids []int64, unresolved string) {
	for _, a := range []*github.Account{c.Author, c.Committer} {
		if a == nil || a.ID == 0 {
			unresolved = "an address that belongs to no account"
			continue
		}
		ids = append(ids, a.ID)
	}
	for _, a := range c.CoAuthors {
		if a.ID != 0 {
			ids = append(ids, a.ID)
		}
	}
	return ids, unresolved
}

// approvals are the reviews that approve, each person's latest, with the digest
// of the allowlist at the commit that was reviewed.
func (w *worker) approvals(ctx context.Context, s subject, proposed lockkeeper.Digest) ([]policy.Approval, error) {
	reviews, err := w.client.Reviews(ctx, w.repo, s.pull.Number)
	if err != nil {
		return nil, err
	}
	latest := map[int64]github.Review{}
	for _, r := range reviews { // oldest first
		switch r.State {
		case github.Approved, github.ChangesRequested, github.Dismissed:
			latest[r.Author.ID] = r
		}
	}
	var approvals []policy.Approval
	at := map[string]lockkeeper.Digest{s.head: proposed}
	for _, r := range reviews {
		if l, ok := latest[r.Author.ID]; !ok || l.ID != r.ID || r.State != github.Approved || r.Author.Bot || r.Author.ID == 0 || r.Commit == "" {
			continue
		}
		if _, known := at[r.Commit]; !known {
			if at[r.Commit], err = w.allowDigest(ctx, r.Commit); err != nil {
				return nil, err
			}
		}
		approvals = append(approvals, policy.Approval{By: r.Author.ID, Login: r.Author.Login, AllowDigest: at[r.Commit], Where: r.URL, At: r.SubmittedAt})
	}
	return approvals, nil
}

// allowDigest is the digest of the allowlist at a commit; empty where there is
// none, or where the commit is gone.
func (w *worker) allowDigest(ctx context.Context, commit string) (lockkeeper.Digest, error) {
	files, err := w.client.Tree(ctx, w.repo, commit, func(p string) bool { return p == allowlist.Path })
	if errors.Is(err, github.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if f.Path != allowlist.Path || f.Mode != lockkeeper.Regular {
			continue
		}
		data, err := w.client.Blob(ctx, w.repo, f.Blob, scan.MaxGuardSize)
		if err != nil {
			return "", err
		}
		return lockkeeper.Sum(data), nil
	}
	return "", nil
}

// hear reads the comments that were not heard yet and records the verdicts in
// them. A comment counts as it was created: one that was edited since is not
// heard, since it may not be its author's words any more. It can only be about
// findings that were shown when it was written: a push between the comment and
// this scan must not slip something new under "all" (promise 4).
func (w *worker) hear(ctx context.Context, in policy.Input, s subject, before store.Scan) error {
	comments, err := w.client.Comments(ctx, w.repo, s.pull.Number, time.Time{})
	if err != nil {
		return err
	}
	shown, err := shownOutcomes(policy.Evaluate(in).Outcomes, before)
	if err != nil {
		return err
	}
	for _, comment := range comments {
		// A comment of an account that is gone has nobody's word in it.
		if comment.Author.Bot || comment.Author.ID == 0 || !comment.Updated.Equal(comment.Created) {
			continue
		}
		commands := parseCommands(comment.Body)
		if len(commands) == 0 {
			continue
		}
		outcomes := shown
		if comment.Created.Before(before.At.Truncate(time.Second)) { // GitHub's times are whole seconds
			outcomes = nil
		}
		if err := w.answer(ctx, s, outcomes, comment, commands); err != nil {
			return err
		}
	}
	return nil
}

// shownOutcomes are those that the scan before showed as well.
func shownOutcomes(outcomes []policy.Outcome, before store.Scan) ([]policy.Outcome, error) {
	if len(before.Result) == 0 {
		return nil, nil
	}
	var was summary
	if err := json.Unmarshal(before.Result, &was); err != nil {
		return nil, fmt.Errorf("read the scan before: %w", err)
	}
	digests := map[lockkeeper.Digest]bool{}
	for _, f := range was.Findings {
		digests[f.Digest] = true
	}
	return slices.DeleteFunc(outcomes, func(o policy.Outcome) bool { return !digests[o.Digest] }), nil
}

// answer records what one comment says and answers with a reaction, once.
func (w *worker) answer(ctx context.Context, s subject, outcomes []policy.Outcome, comment github.Comment, commands []command) error {
	key := fmt.Sprintf("comment:%d", comment.ID)
	handled, err := w.cfg.Store.Handled(ctx, key)
	if err != nil || handled {
		return err
	}
	understood := true
	for i, c := range commands {
		if c.verb == rescan || c.verb == help {
			continue // being heard is being scanned, and being answered
		}
		verdict, ok := c.verb.verdict()
		if !ok || len(c.targets) == 0 {
			understood = false
			continue
		}
		for _, target := range c.targets {
			chosen := selectFindings(outcomes, target)
			understood = understood && len(chosen) > 0
			for _, o := range chosen {
				statement := policy.Statement{
					Finding: o.Digest, Verdict: verdict, By: comment.Author.ID, Login: comment.Author.Login,
					Reason: c.reason, Where: comment.URL, At: comment.Created,
				}
				source := fmt.Sprintf("%s/%d/%s", key, i, o.Digest)
				if _, err := w.cfg.Store.AddStatement(ctx, w.repo.ID, s.pull.Number, statement, source); err != nil {
					return err
				}
			}
		}
	}
	reaction := github.ReactionSeen // heard; whether it counts stands in the one comment
	if !understood {
		reaction = github.ReactionConfused
	}
	if err := w.client.React(ctx, w.repo, comment.ID, reaction); github.Temporary(err) {
		return err
	} else if err != nil { // the conversation is locked, the comment is gone
		zerolog.Ctx(ctx).Warn().Err(err).Msg("could not react to a comment")
	}
	if _, err := w.cfg.Store.MarkHandled(ctx, key); err != nil {
		return err
	}
	zerolog.Ctx(ctx).Info().Int64("comment", comment.ID).Bool("understood", understood).Msg("heard a comment")
	return nil
}
