package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
)

// AuditKind is what somebody did. Those of statements are their verdicts.
type AuditKind string

const (
	AuditSignOff          AuditKind = AuditKind(policy.SignOff)
	AuditReject           AuditKind = AuditKind(policy.Reject)
	AuditWithdraw         AuditKind = AuditKind(policy.Withdraw)
	AuditApproval         AuditKind = "approval"          // an approving review that signed a finding off
	AuditAllowlistAdded   AuditKind = "allowlist-added"   // an entry is on a base branch
	AuditAllowlistRemoved AuditKind = "allowlist-removed" // an entry is on it no more
	AuditPolicyChanged    AuditKind = "policy-changed"    // on a base branch
)

// Event is one line of the audit trail.
type Event struct {
	ID         int64 // larger for what was recorded later
	RepoID     int64
	Repository string // "owner/name" as it is called now; empty where it is not known
	Pull       int    // 0: none
	Kind       AuditKind
	By         int64  // 0: nobody known
	Login      string // as it was then
	Finding    lockkeeper.Digest
	Rule       string
	Package    string // a package URL, or the path of a file
	Reason     string
	Detail     string // the entry, the digests of the policy
	Where      string // address of the comment, page, review or commit
	At         time.Time
}

// AddEvent adds e to the audit trail. Source names what it comes from, such as
// "review:12": a second event of the same source about the same finding is not added.
// Statements add their own.
func (s *Store) AddEvent(ctx context.Context, e Event, source string) error {
	if err := checkKey("source", source); err != nil {
		return fmt.Errorf("record %s of repository %d: %w", e.Kind, e.RepoID, err)
	}
	if err := addEvent(ctx, s.db, e, source); err != nil {
		return fmt.Errorf("record %s of repository %d: %w", e.Kind, e.RepoID, err)
	}
	return nil
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func addEvent(ctx context.Context, q execer, e Event, source string) error {
	_, err := q.ExecContext(ctx, `
		INSERT INTO audit (repo_id, pull, source, kind, by_id, login, finding, rule, package, reason, detail, place, made_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (repo_id, source, finding) DO NOTHING`,
		e.RepoID, e.Pull, text(source), string(e.Kind), e.By, text(e.Login), string(e.Finding), text(e.Rule), text(e.Package), text(e.Reason), text(e.Detail), text(e.Where), micros(e.At))
	return err
}

// addStatementEvent adds a statement to the audit trail, with what is known of its
// finding.
func addStatementEvent(ctx context.Context, tx *sql.Tx, repoID int64, pull int, said policy.Statement, source string) error {
	e := Event{
		RepoID: repoID, Pull: pull, Kind: AuditKind(said.Verdict), By: said.By, Login: said.Login, Finding: said.Finding,
		Reason: said.Reason, Where: said.Where, At: said.At,
	}
	err := tx.QueryRowContext(ctx, `SELECT rule, package FROM findings WHERE repo_id = $1 AND finding = $2`, repoID, string(said.Finding)).Scan(&e.Rule, &e.Package)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	return addEvent(ctx, tx, e, source)
}

// Events calls yield for each line of the audit trail since a time, in the order in
// which they were recorded, of one repository ("owner/name") or, if that is empty,
// of all. It stops at the first error of yield, which must not use the store.
func (s *Store) Events(ctx context.Context, since time.Time, repository string, yield func(Event) error) error {
	from := int64(0)
	if !since.IsZero() {
		from = micros(since)
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT a.id, a.repo_id, COALESCE(r.owner || '/' || r.name, ''), a.pull, a.kind, a.by_id, a.login, a.finding, a.rule, a.package, a.reason, a.detail, a.place, a.made_at
		FROM audit a LEFT JOIN repositories r ON r.id = a.repo_id
		WHERE a.made_at >= $1 AND ($2 = '' OR LOWER(r.owner || '/' || r.name) = LOWER($2)) ORDER BY a.id`, from, repository)
	if err != nil {
		return fmt.Errorf("read the audit trail: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Event
		var at int64
		if err := rows.Scan(&e.ID, &e.RepoID, &e.Repository, &e.Pull, &e.Kind, &e.By, &e.Login, &e.Finding, &e.Rule, &e.Package, &e.Reason, &e.Detail, &e.Where, &at); err != nil {
			return fmt.Errorf("read the audit trail: %w", err)
		}
		e.At = fromMicros(at)
		if err := yield(e); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the audit trail: %w", err)
	}
	return nil
}
