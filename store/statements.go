package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
)

// maxText bounds reason, login and address of a statement, in bytes. A comment on
// GitHub is no longer.
const maxText = 64 << 10

// rowsAtOnce is how many findings or packages one query names, well below the
// parameters that databases allow.
const rowsAtOnce = 500

// AddStatement records what a reviewer said about one finding in pull request
// pull of the repository. Source names the event that it came from, and within
// it the command, such as "comment:123:0": a second statement of the same source
// about the same finding is not recorded, whatever it says, and added is false.
// So a redelivered event, and an edited comment, count once.
func (s *Store) AddStatement(ctx context.Context, repoID int64, pull int, said policy.Statement, source string) (added bool, err error) {
	if err := checkStatement(said, source); err != nil {
		return false, fmt.Errorf("record %s of repository %d pull %d: %w", said.Verdict, repoID, pull, err)
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		added = false
		result, err := tx.ExecContext(ctx, `
			INSERT INTO statements (repo_id, pull, source, finding, verdict, by_id, login, reason, place, made_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (repo_id, source, finding) DO NOTHING`,
			repoID, pull, keyText(source), string(said.Finding), string(said.Verdict), said.By, text(said.Login), text(said.Reason), text(said.Where), micros(said.At))
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		if added = rows > 0; err != nil || !added {
			return err
		}
		return addStatementEvent(ctx, tx, repoID, pull, said, source)
	})
	if err != nil {
		return false, fmt.Errorf("record %s of repository %d pull %d: %w", said.Verdict, repoID, pull, err)
	}
	return added, nil
}

func checkStatement(said policy.Statement, source string) error {
	if err := checkKey("source", source); err != nil {
		return err
	}
	if _, err := lockkeeper.ParseDigest(string(said.Finding)); err != nil {
		return fmt.Errorf("finding: %w", err)
	}
	if said.By == 0 {
		return fmt.Errorf("nobody said it: the id of the person is missing")
	}
	if n := len(said.Login) + len(said.Reason) + len(said.Where); n > maxText {
		return fmt.Errorf("reason and address of %d bytes, more than %d: %w", n, maxText, ErrTooLarge)
	}
	return nil
}

// Statements returns everything said in the repository about any of the
// findings, in any pull request, in the order in which it was recorded.
func (s *Store) Statements(ctx context.Context, repoID int64, findings []lockkeeper.Digest) ([]policy.Statement, error) {
	type row struct {
		id int64
		policy.Statement
	}
	wanted := slices.Clone(findings)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	var rows []row
	for part := range slices.Chunk(wanted, rowsAtOnce) {
		args := []any{repoID}
		var places strings.Builder
		for i, finding := range part {
			fmt.Fprintf(&places, ", $%d", i+2)
			args = append(args, string(finding))
		}
		found, err := s.db.QueryContext(ctx, `
			SELECT id, finding, verdict, by_id, login, reason, place, made_at FROM statements
			WHERE repo_id = $1 AND finding IN (`+places.String()[2:]+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("read statements of repository %d: %w", repoID, err)
		}
		for found.Next() {
			var r row
			var at int64
			if err := found.Scan(&r.id, &r.Finding, &r.Verdict, &r.By, &r.Login, &r.Reason, &r.Where, &at); err != nil {
				found.Close()
				return nil, fmt.Errorf("read statements of repository %d: %w", repoID, err)
			}
			r.At = fromMicros(at)
			rows = append(rows, r)
		}
		if err := found.Err(); err != nil {
			return nil, fmt.Errorf("read statements of repository %d: %w", repoID, err)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	said := make([]policy.Statement, len(rows))
	for i, r := range rows {
		said[i] = r.Statement
	}
	return said, nil
}
