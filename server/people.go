package server

import (
	"context"
	"errors"
	"slices"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// decide hears what was said in the pull request and decides about its findings.
func (w *worker) decide(ctx context.Context, v *verdict, in policy.Input, s subject, before store.Scan) error {
	in.Author = policy.Person{ID: s.pull.Author.ID, Login: s.pull.Author.Login, Bot: s.pull.Author.Bot}
	if err := w.hear(ctx, v, in, s, before); err != nil {
		return err
	}
	var err error
	if in.Statements, err = w.statements(ctx, in.Findings); err != nil {
		return err
	}
	if in.Proposed != nil {
		if in.Approvals, err = w.approvals(ctx, s.pull.Number, s.head, in.ProposedDigest); err != nil {
			return err
		}
	}
	if err := w.people(ctx, &in, v.sides, v.report.Scan); err != nil {
		return err
	}
	v.statements = in.Statements
	v.report.Decision = policy.Evaluate(in)
	v.report.Answers = answers(v)
	return nil
}

// statements are all that were made in this repository about any of the findings, in
// the order in which people made them: what comes in late is not what they said last.
func (w *worker) statements(ctx context.Context, findings []policy.Finding) ([]policy.Statement, error) {
	var digests []lockkeeper.Digest
	for _, f := range findings {
		digests = append(digests, f.Digests()...)
	}
	statements, err := w.cfg.Store.Statements(ctx, w.repo.ID, digests)
	slices.SortStableFunc(statements, func(a, b policy.Statement) int { return a.At.Compare(b.At) })
	return statements, err
}

// people adds to in what policy must know of those who said something: what rights
// they have now, and whether they had a hand in the change.
func (w *worker) people(ctx context.Context, in *policy.Input, c *sides, result *scan.Result) error {
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
	if w.persons == nil {
		w.persons = map[int64]policy.Person{}
	}
	in.People = map[int64]policy.Person{}
	for id, login := range speakers {
		person, known := w.persons[id]
		if !known {
			var err error
			if person, err = w.client.Person(ctx, w.repo, github.Account{ID: id, Login: login}, in.Policy.Teams()); err != nil {
				return err
			}
			w.persons[id] = person
		}
		in.People[id] = person
	}
	return nil
}

// approvals are the reviews that approve, each person's latest, with the digest
// of the allowlist at the commit that was reviewed.
func (w *worker) approvals(ctx context.Context, number int, head string, proposed lockkeeper.Digest) ([]policy.Approval, error) {
	reviews, err := w.client.Reviews(ctx, w.repo, number)
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
	at := map[string]lockkeeper.Digest{head: proposed}
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
