package queue

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// given is one time that River gave a job to this process: its id, and when as the
// database writes it.
type given struct {
	job int64
	at  string
}

// strays puts back jobs that River's table says this process runs, and that it does not:
// the answer that gave them to it did not arrive, since the database or this process
// stood still for too long. River itself would find them when no run can take longer,
// minutes later. seen are those of the look before: one that ended or stood back a moment
// ago is noted by River a moment later, and not there twice, unless it was given to this
// process again in between. It returns those of this look.
func (q *Queue) strays(ctx context.Context, seen map[given]bool) (now map[given]bool, err error) {
	err = q.engine.inTx(ctx, func(t tx) error {
		now = map[given]bool{}
		type stray struct {
			key      string
			priority int
		}
		old := map[int64]stray{}
		err := t.rows(ctx, func(scan func(...any) error) error {
			var g given
			var s stray
			if err := scan(&g.job, &g.at, &s.key, &s.priority); err != nil || q.process.has(s.key) {
				return err
			}
			if now[g] = true; seen[g] {
				old[g.job] = s
			}
			return nil
		}, `SELECT id, coalesce(CAST(attempted_at AS TEXT), ''), args ->> 'key', priority FROM river_job WHERE state = 'running' AND kind = $1 AND `+q.engine.runner+` = $2`,
			args{}.Kind(), q.process.id)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(old)) {
			if err := t.exec(ctx, `DELETE FROM river_job WHERE id = $1 AND state = 'running'`, id); err != nil {
				return err
			}
			if _, err := q.insertTx(ctx, t, old[id].key, old[id].priority); err != nil {
				return err
			}
			q.log.Warn().Str("job", old[id].key).Msg("put back a job that was given to this process and did not arrive")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for jobs that did not arrive: %w", err)
	}
	return now, nil
}
