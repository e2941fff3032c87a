package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// Finding says what a digest that sign-offs name stands for.
type Finding struct {
	Digest  lockkeeper.Digest
	Rule    string
	Package string // a package URL, or the path of a file
}

// PutFindings remembers what findings of a repository are. Those known already stay.
func (s *Store) PutFindings(ctx context.Context, repoID int64, findings []Finding) error {
	if len(findings) == 0 {
		return nil
	}
	// In one order everywhere, so that no two transactions wait for each other.
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, f := range sorted {
			if _, err := tx.ExecContext(ctx, `INSERT INTO findings (repo_id, finding, rule, package) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				repoID, string(f.Digest), text(f.Rule), text(f.Package)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store %d findings of repository %d: %w", len(findings), repoID, err)
	}
	return nil
}

// Signed is a finding that enough reviewers signed off in a pull request.
type Signed struct {
	Pull    int
	Finding lockkeeper.Digest
	Body    []byte // JSON, at most MaxValue bytes
}

// PutSigned stores what the newest scan of a pull request, of the commit head and
// against the branch baseRef, found to be signed off, in place of what scans before
// did. Once the pull request is known to be merged nothing changes any more.
func (s *Store) PutSigned(ctx context.Context, repoID int64, pull int, baseRef, head string, rows []Signed) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM signed WHERE repo_id = $1 AND pull = $2 AND state = 'open'`, repoID, pull); err != nil {
			return err
		}
		for _, r := range rows {
			if len(r.Body) > MaxValue {
				return ErrTooLarge
			}
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO signed (repo_id, pull, finding, base_ref, head, state, body) VALUES ($1, $2, $3, $4, $5, 'open', $6)
				ON CONFLICT DO NOTHING`, repoID, pull, string(r.Finding), baseRef, head, text(string(r.Body))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store what is signed off in repository %d pull %d: %w", repoID, pull, err)
	}
	return nil
}

// EndSigned notes that a pull request is closed. If it was merged at the commit that
// was scanned, what is signed off in it waits to be recorded on its base branch;
// otherwise it is forgotten here.
func (s *Store) EndSigned(ctx context.Context, repoID int64, pull int, merged bool, head string) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if merged {
			if _, err := tx.ExecContext(ctx, `UPDATE signed SET state = 'merged' WHERE repo_id = $1 AND pull = $2 AND state = 'open' AND head = $3`,
				repoID, pull, head); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM signed WHERE repo_id = $1 AND pull = $2 AND state = 'open'`, repoID, pull)
		return err
	})
	if err != nil {
		return fmt.Errorf("note the end of repository %d pull %d: %w", repoID, pull, err)
	}
	return nil
}

// ToRecord returns what was signed off in merged pull requests of a base branch and
// was not declined to be recorded, by pull request.
func (s *Store) ToRecord(ctx context.Context, repoID int64, baseRef string) ([]Signed, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT pull, finding, body FROM signed
		WHERE repo_id = $1 AND base_ref = $2 AND state = 'merged' ORDER BY pull, finding`, repoID, baseRef)
	if err != nil {
		return nil, fmt.Errorf("read what is to be recorded on %q of repository %d: %w", baseRef, repoID, err)
	}
	defer rows.Close()
	var all []Signed
	for rows.Next() {
		var r Signed
		var body string
		if err := rows.Scan(&r.Pull, &r.Finding, &body); err != nil {
			return nil, fmt.Errorf("read what is to be recorded on %q of repository %d: %w", baseRef, repoID, err)
		}
		r.Body = []byte(body)
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what is to be recorded on %q of repository %d: %w", baseRef, repoID, err)
	}
	return all, nil
}

// SettleSigned takes sign-offs off the list of those to be recorded: they are in the
// allowlist by now, or, if declined, their owners do not want them there.
func (s *Store) SettleSigned(ctx context.Context, repoID int64, rows []Signed, declined bool) error {
	query := `DELETE FROM signed WHERE repo_id = $1 AND pull = $2 AND finding = $3 AND state = 'merged'`
	if declined {
		query = `UPDATE signed SET state = 'declined' WHERE repo_id = $1 AND pull = $2 AND finding = $3 AND state = 'merged'`
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, query, repoID, r.Pull, string(r.Finding)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle %d sign-offs of repository %d: %w", len(rows), repoID, err)
	}
	return nil
}

// OpenSigned lists the pull requests into a base branch, by number, in which
// something is signed off and which are not known to be closed.
func (s *Store) OpenSigned(ctx context.Context, repoID int64, baseRef string) ([]int, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT DISTINCT pull FROM signed WHERE repo_id = $1 AND base_ref = $2 AND state = 'open' ORDER BY pull`, repoID, baseRef)
	if err != nil {
		return nil, fmt.Errorf("read pull requests of repository %d with sign-offs: %w", repoID, err)
	}
	defer rows.Close()
	var pulls []int
	for rows.Next() {
		var pull int
		if err := rows.Scan(&pull); err != nil {
			return nil, fmt.Errorf("read pull requests of repository %d with sign-offs: %w", repoID, err)
		}
		pulls = append(pulls, pull)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read pull requests of repository %d with sign-offs: %w", repoID, err)
	}
	return pulls, nil
}

// OfferKind is what a pull request of Lockkeeper's own offers.
type OfferKind string

const (
	AllowlistOffer  OfferKind = "allowlist"
	OnboardingOffer OfferKind = "onboarding"
)

// OfferState is what became of it.
type OfferState string

const (
	OfferOpen     OfferState = "open"
	OfferClosed   OfferState = "closed"   // merged, or by Lockkeeper itself
	OfferDeclined OfferState = "declined" // by people
)

// Offer is the newest pull request of Lockkeeper's own of one kind to one branch.
type Offer struct {
	Kind    OfferKind
	BaseRef string
	Pull    int // 0: none was opened
	State   OfferState
}

// Offer returns the offer of a kind to a branch; found is false where there was none.
func (s *Store) Offer(ctx context.Context, repoID int64, kind OfferKind, baseRef string) (o Offer, found bool, err error) {
	o = Offer{Kind: kind, BaseRef: baseRef}
	err = s.db.QueryRowContext(ctx, `SELECT pull, state FROM offers WHERE repo_id = $1 AND kind = $2 AND base_ref = $3`, repoID, string(kind), baseRef).Scan(&o.Pull, &o.State)
	if errors.Is(err, sql.ErrNoRows) {
		return o, false, nil
	}
	if err != nil {
		return o, false, fmt.Errorf("read the %s offer to %q of repository %d: %w", kind, baseRef, repoID, err)
	}
	return o, true, nil
}

// PutOffer stores o over what was there of its kind and branch.
func (s *Store) PutOffer(ctx context.Context, repoID int64, o Offer) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO offers (repo_id, kind, base_ref, pull, state) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (repo_id, kind, base_ref) DO UPDATE SET pull = excluded.pull, state = excluded.state`,
		repoID, string(o.Kind), o.BaseRef, o.Pull, string(o.State))
	if err != nil {
		return fmt.Errorf("store the %s offer to %q of repository %d: %w", o.Kind, o.BaseRef, repoID, err)
	}
	return nil
}

// RulesSeen is how the rules of a branch were when they were last looked at, by
// git's ids of the files; empty where there was no such file.
type RulesSeen struct {
	Commit            string
	Policy, Allowlist string
}

// RulesSeen returns what was seen of a branch, the zero value before the first look.
func (s *Store) RulesSeen(ctx context.Context, repoID int64, branch string) (seen RulesSeen, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT commit_id, policy, allowlist FROM rules_seen WHERE repo_id = $1 AND branch = $2`, repoID, branch).
		Scan(&seen.Commit, &seen.Policy, &seen.Allowlist)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return RulesSeen{}, fmt.Errorf("read the rules seen on %q of repository %d: %w", branch, repoID, err)
	}
	return seen, nil
}

// PutRulesSeen stores a look.
func (s *Store) PutRulesSeen(ctx context.Context, repoID int64, branch string, seen RulesSeen) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO rules_seen (repo_id, branch, commit_id, policy, allowlist) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (repo_id, branch) DO UPDATE SET commit_id = excluded.commit_id, policy = excluded.policy, allowlist = excluded.allowlist`,
		repoID, branch, seen.Commit, seen.Policy, seen.Allowlist)
	if err != nil {
		return fmt.Errorf("store the rules seen on %q of repository %d: %w", branch, repoID, err)
	}
	return nil
}
