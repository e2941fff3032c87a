package store

import (
	"context"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
)

// Counts are for metrics.
type Counts struct {
	// Open pull requests by the conclusion of their newest scan.
	Open map[policy.Conclusion]int
	// OwnersInUse are the packages in use since a time, OwnersDue those of them that
	// were not tried since another. OwnersOldest is the oldest last look at one of
	// them, zero where there is none.
	OwnersInUse, OwnersDue int
	OwnersOldest           time.Time
}

// Count counts now. wanted and tried are as for StaleOwners.
func (s *Store) Count(ctx context.Context, wanted, tried time.Time) (Counts, error) {
	c := Counts{Open: map[policy.Conclusion]int{}}
	rows, err := s.db.QueryContext(ctx, `SELECT conclusion, COUNT(*) FROM scans WHERE open AND conclusion <> '' GROUP BY conclusion`)
	if err != nil {
		return Counts{}, fmt.Errorf("count open pull requests: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var conclusion policy.Conclusion
		var n int
		if err := rows.Scan(&conclusion, &n); err != nil {
			return Counts{}, fmt.Errorf("count open pull requests: %w", err)
		}
		c.Open[conclusion] = n
	}
	if err := rows.Err(); err != nil {
		return Counts{}, fmt.Errorf("count open pull requests: %w", err)
	}
	var oldest int64
	if err := s.db.QueryRowContext(ctx, `
		SELECT COUNT(*), COALESCE(SUM(CASE WHEN tried_at < $2 THEN 1 ELSE 0 END), 0),
			COALESCE(MIN(CASE WHEN last_at > 0 THEN last_at END), 0)
		FROM owner_looks WHERE wanted_at >= $1`, micros(wanted), micros(tried)).Scan(&c.OwnersInUse, &c.OwnersDue, &oldest); err != nil {
		return Counts{}, fmt.Errorf("count looks at owners: %w", err)
	}
	if oldest != 0 {
		c.OwnersOldest = fromMicros(oldest)
	}
	return c, nil
}
