package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Owners is what was seen of a package's owners, those of now first. id is that of
// the package, "cargo/ring". A package that was never looked at has the zero value.
func (s *Store) Owners(ctx context.Context, id string) (registry.Owners, error) {
	o, err := readOwners(ctx, s.db, keyText(id))
	if err != nil {
		return registry.Owners{}, fmt.Errorf("read owners of %q: %w", id, err)
	}
	return o, nil
}

func readOwners(ctx context.Context, q querier, id string) (registry.Owners, error) {
	var o registry.Owners
	var first, last int64
	err := q.QueryRowContext(ctx, `SELECT first_at, last_at FROM owner_looks WHERE package = $1`, id).Scan(&first, &last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return o, err
	}
	if first != 0 {
		o.First, o.Last = fromMicros(first), fromMicros(last)
	}
	rows, err := q.QueryContext(ctx, `
		SELECT kind, id, login, since, gone FROM owners WHERE package = $1
		ORDER BY CASE WHEN gone = 0 THEN 0 ELSE 1 END, since, kind, id`, id)
	if err != nil {
		return o, err
	}
	defer rows.Close()
	for rows.Next() {
		var t registry.Term
		var kind string
		var since, gone int64
		if err := rows.Scan(&kind, &t.Owner.ID, &t.Owner.Login, &since, &gone); err != nil {
			return o, err
		}
		t.Owner.Kind, t.Since = lockkeeper.PrincipalKind(kind), fromMicros(since)
		if gone != 0 {
			t.Gone = fromMicros(gone)
		}
		o.Terms = append(o.Terms, t)
	}
	return o, rows.Err()
}

// PutOwners records a look at a package's owners. One that is older than the last
// look changes nothing: two replicas may look at once. It returns what is known
// after it.
func (s *Store) PutOwners(ctx context.Context, id string, owners []lockkeeper.Principal, at time.Time) (registry.Owners, error) {
	if err := checkKey("package", id); err != nil {
		return registry.Owners{}, fmt.Errorf("store owners: %w", err)
	}
	var after registry.Owners
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		// Touching the row locks it: two replicas must not both find an owner new.
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO owner_looks (package, first_at, last_at, tried_at, wanted_at) VALUES ($1, 0, 0, 0, 0)
			ON CONFLICT (package) DO UPDATE SET tried_at = owner_looks.tried_at`, id); err != nil {
			return err
		}
		before, err := readOwners(ctx, tx, id)
		if err != nil {
			return err
		}
		if !at.After(before.Last) {
			after = before
			return nil
		}
		now := micros(at)
		if err := meet(ctx, tx, id, before.Terms, owners, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE owner_looks SET last_at = $2, tried_at = $2, first_at = CASE WHEN first_at = 0 THEN $2 ELSE first_at END
			WHERE package = $1`, id, now); err != nil {
			return err
		}
		after, err = readOwners(ctx, tx, id)
		return err
	})
	if err != nil {
		return registry.Owners{}, fmt.Errorf("store owners of %q: %w", id, err)
	}
	return after, nil
}

// meet ends the terms of those who are no owners any more and begins those of new
// ones.
func meet(ctx context.Context, tx *sql.Tx, id string, terms []registry.Term, owners []lockkeeper.Principal, now int64) error {
	present := map[lockkeeper.Principal]bool{}
	key := func(p lockkeeper.Principal) lockkeeper.Principal {
		return lockkeeper.Principal{Kind: p.Kind, ID: text(p.ID)}
	}
	for _, p := range owners {
		present[key(p)] = true
	}
	known := map[lockkeeper.Principal]bool{}
	for _, t := range terms {
		if !t.Gone.IsZero() {
			continue
		}
		known[key(t.Owner)] = true
		if present[key(t.Owner)] {
			continue
		}
		if _, err := tx.ExecContext(ctx, `UPDATE owners SET gone = $4 WHERE package = $1 AND kind = $2 AND id = $3 AND gone = 0`,
			id, string(t.Owner.Kind), t.Owner.ID, now); err != nil {
			return err
		}
	}
	for _, p := range owners {
		if !p.Known() || known[key(p)] {
			continue
		}
		known[key(p)] = true
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO owners (package, kind, id, since, gone, login) VALUES ($1, $2, $3, $4, 0, $5)`,
			id, string(p.Kind), text(p.ID), now, text(p.Login)); err != nil {
			return err
		}
	}
	return nil
}

// SeedOwners records terms that another source knows of, such as the registry's
// own dump, made at the given time. A package that was looked at already keeps what
// was seen. It says how many packages were new.
func (s *Store) SeedOwners(ctx context.Context, terms map[string][]registry.Term, at time.Time) (int, error) {
	seeded := 0
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		seeded = 0
		// In one order everywhere, so that no two transactions wait for each other.
		for _, id := range slices.Sorted(maps.Keys(terms)) {
			if err := checkKey("package", id); err != nil {
				return err
			}
			result, err := tx.ExecContext(ctx, `
				INSERT INTO owner_looks (package, first_at, last_at, tried_at, wanted_at) VALUES ($1, $2, $2, $2, 0)
				ON CONFLICT (package) DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at WHERE owner_looks.first_at = 0`, id, micros(at))
			if err != nil {
				return err
			}
			if rows, err := result.RowsAffected(); err != nil || rows == 0 {
				if err != nil {
					return err
				}
				continue
			}
			seeded++
			for _, t := range terms[id] {
				if _, err := tx.ExecContext(ctx, `
					INSERT INTO owners (package, kind, id, since, gone, login) VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT DO NOTHING`,
					id, string(t.Owner.Kind), text(t.Owner.ID), micros(t.Since), text(t.Owner.Login)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("seed owners of %d packages: %w", len(terms), err)
	}
	return seeded, nil
}

// WatchOwners notes that packages are in use, so that their owners are looked at
// from time to time.
func (s *Store) WatchOwners(ctx context.Context, ids []string, at time.Time) error {
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return checkKey("package", id) != nil || !isText(id) // no registry has such a name
	})
	slices.Sort(known) // see SeedOwners
	known = slices.Compact(known)
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for part := range slices.Chunk(known, rowsAtOnce) {
			args := []any{micros(at)}
			var rows strings.Builder
			for i, id := range part {
				fmt.Fprintf(&rows, ", ($%d, 0, 0, 0, $1)", i+2)
				args = append(args, id)
			}
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO owner_looks (package, first_at, last_at, tried_at, wanted_at) VALUES `+rows.String()[2:]+`
				ON CONFLICT (package) DO UPDATE SET wanted_at = excluded.wanted_at WHERE owner_looks.wanted_at < excluded.wanted_at`,
				args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("watch the owners of %d packages: %w", len(ids), err)
	}
	return nil
}

// StaleOwners takes up to limit packages that were in use since wanted and not
// tried since tried, those that waited longest first, and notes the try, so that no
// other replica takes them too.
func (s *Store) StaleOwners(ctx context.Context, wanted, tried, now time.Time, limit int) ([]string, error) {
	var ids []string
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		ids = nil
		rows, err := tx.QueryContext(ctx, `
			SELECT package FROM owner_looks WHERE wanted_at >= $1 AND tried_at < $2 ORDER BY tried_at, package LIMIT $3`+s.dialect.lockRows,
			micros(wanted), micros(tried), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `UPDATE owner_looks SET tried_at = $2 WHERE package = $1`, id, micros(now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find packages whose owners were not looked at lately: %w", err)
	}
	return ids, nil
}
