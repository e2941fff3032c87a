package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Fact returns the value stored under key; found is false where there is none.
func (s *Store) Fact(ctx context.Context, key string) (value []byte, found bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT value FROM facts WHERE key = $1`, keyText(key)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read fact %q: %w", key, err)
	}
	return value, true, nil
}

// PutFact stores value under key, over what was there. The key must say
// everything that the value follows from: the digest of the file, and the
// version of the code that looked at it. Key and value are at most 512 and
// MaxValue bytes, or the error is ErrTooLarge.
func (s *Store) PutFact(ctx context.Context, key string, value []byte) error {
	if err := checkKey("key", key); err != nil {
		return fmt.Errorf("store fact: %w", err)
	}
	if len(value) > MaxValue {
		return fmt.Errorf("store fact %q: value of %d bytes: %w", key, len(value), ErrTooLarge)
	}
	if value == nil {
		value = []byte{} // not NULL
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO facts (key, value, made_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, made_at = excluded.made_at`,
		keyText(key), value, micros(time.Now()))
	if err != nil {
		return fmt.Errorf("store fact %q: %w", key, err)
	}
	return nil
}

// PruneFacts removes at most limit facts whose keys begin with prefix and that were
// stored before that time, and says how many. Only those may be named that can be
// found out again: others are kept as facts, too, such as that an organisation had a
// policy.
func (s *Store) PruneFacts(ctx context.Context, prefix string, before time.Time, limit int) (int64, error) {
	if prefix == "" {
		return 0, errors.New("remove old facts: say which")
	}
	result, err := s.db.ExecContext(ctx, `
		DELETE FROM facts WHERE key IN (
			SELECT key FROM facts WHERE made_at < $1 AND substr(key, 1, $2) = $3 ORDER BY made_at, key LIMIT $4)`,
		micros(before), len(prefix), prefix, limit)
	if err != nil {
		return 0, fmt.Errorf("remove old facts: %w", err)
	}
	return result.RowsAffected()
}

// MarkHandled notes that what key names, such as "comment:123", was dealt with.
// Of several calls with one key exactly one returns first. A process may die
// between the effect and the mark: have the effect be one that may happen twice,
// and mark after it; or mark before, if it must not.
func (s *Store) MarkHandled(ctx context.Context, key string) (first bool, err error) {
	if err := checkKey("key", key); err != nil {
		return false, fmt.Errorf("mark handled: %w", err)
	}
	result, err := s.db.ExecContext(ctx, `INSERT INTO handled (key, made_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`,
		keyText(key), micros(time.Now()))
	if err != nil {
		return false, fmt.Errorf("mark %q handled: %w", key, err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("mark %q handled: %w", key, err)
	}
	return rows > 0, nil
}

// Handled reports whether key was marked.
func (s *Store) Handled(ctx context.Context, key string) (bool, error) {
	var one int
	err := s.db.QueryRowContext(ctx, `SELECT 1 FROM handled WHERE key = $1`, keyText(key)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up whether %q is handled: %w", key, err)
	}
	return true, nil
}
