package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// The line (see place) says who is next, and counts jobs: who has long ones would hold
// all workers before long, whose every job takes a place like a short one. So workers
// are shared as well. An installation that holds half of a process's workers or more, or
// a repository that holds a quarter, gets no further one while somebody waits who holds
// fewer; not even for people, since theirs are people too. If nobody does, it may have
// all of them.
//
// River takes jobs by their order alone. So when one was taken that must stand back, it
// waits for a moment, and all that would have to as well are set aside: River calls that
// scheduled. Then they come back to their places. Should this process die, River itself
// brings them back within seconds.

const (
	// setAside is how long at least: earlier they would only be taken again, while the
	// others still wait. It is twice that at most.
	setAside = 250 * time.Millisecond
	// lookForOthers is how long it is taken for true that nobody waits who holds fewer,
	// unless somebody else's job comes to this process or ends in it. It bounds what a
	// burst of one installation costs that has the workers to itself.
	lookForOthers = 100 * time.Millisecond
	// forgetPlace is after how long the place is lost of a job that stood back and is
	// not seen waiting.
	forgetPlace = 5 * time.Second
)

var errOverShare = errors.New("others wait who hold fewer workers")

// holder is for whom a run is.
type holder struct{ installation, repo int64 }

// alone says that nobody was found who goes before jobs of by that are of rank or less.
type alone struct {
	by    holder
	rank  int
	until time.Time
}

// isAlone reports whether nobody needs to be looked for who goes before a job.
func (q *Queue) isAlone(by holder, rank int) bool {
	a := q.alone.Load()
	return a != nil && a.by == by && rank <= a.rank && time.Now().Before(a.until)
}

// notAlone notes that a job of somebody came, or ended.
func (q *Queue) notAlone(by holder) {
	if a := q.alone.Load(); a != nil && a.by != by {
		q.alone.Store(nil)
	}
}

// holdings are who holds so many workers of this process that others may go before, and
// how many.
type holdings struct{ installations, repos map[int64]int }

// installationFirst: what the installation holds counts before what the repository does.
const installationFirst = 1 << 16

// rank orders jobs by what those hold who want them; 0 is within one's share.
func (h holdings) rank(of holder) int {
	return h.installations[of.installation]*installationFirst + h.repos[of.repo]
}

// take notes for whom the run of key is, and returns what was held before it.
func (p *process) take(key string, by holder, c Config) holdings {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := holdings{map[int64]int{}, map[int64]int{}}
	for other, r := range p.running {
		if other != key && r.by.installation != 0 {
			h.installations[r.by.installation]++
			h.repos[r.by.repo]++
		}
	}
	within := func(share int) func(int64, int) bool {
		return func(_ int64, held int) bool { return held < max(1, share) }
	}
	maps.DeleteFunc(h.installations, within(c.MaxWorkers/2))
	maps.DeleteFunc(h.repos, within(c.MaxWorkers/4))
	r := p.running[key]
	r.by = by
	p.running[key] = r
	return h
}

// jobs is SQL for what is left to do, in table j, with the newest event about each in d.
const jobs = `river_job j JOIN dirty d ON d.key = j.args ->> 'key' WHERE j.kind = '` + dirtyKind + `'`

// due is SQL for those jobs in a state whose time has come or comes within a moment.
func (q *Queue) due(state string, within time.Duration) string {
	return fmt.Sprintf("(j.state = '%s' AND j.scheduled_at <= %s)", state, q.engine.moment(fmt.Sprintf("%s + %d", q.store.Now(), within.Microseconds())))
}

// rankSQL is SQL for the rank of such a job.
func (e *engine) rankSQL(h holdings) string {
	held := func(name string, by map[int64]int) string {
		var cases strings.Builder
		for id, n := range by {
			fmt.Fprintf(&cases, " WHEN %d THEN %d", id, n)
		}
		if cases.Len() == 0 {
			return "0"
		}
		return "CASE " + fmt.Sprintf(e.field, name) + cases.String() + " ELSE 0 END"
	}
	return fmt.Sprintf("(%s * %d + %s)", held("installation", h.installations), installationFirst, held("repo_id", h.repos))
}

// standBack reports whether a job must leave its worker to somebody who holds fewer, and
// sets aside then all that would have to as well.
func (q *Queue) standBack(ctx context.Context, job *river.Job[args]) (bool, error) {
	var by holder
	if err := q.store.DB().QueryRowContext(ctx, `SELECT `+fmt.Sprintf(q.engine.field, "installation")+`, `+fmt.Sprintf(q.engine.field, "repo_id")+` FROM dirty d WHERE key = $1`, job.Args.Key).
		Scan(&by.installation, &by.repo); err != nil {
		return false, err // sql.ErrNoRows: nothing is known about it
	}
	h := q.process.take(job.Args.Key, by, q.config)
	rank := h.rank(by)
	if rank == 0 || q.isAlone(by, rank) {
		q.aside.begins(job.ID)
		return false, nil
	}
	var others bool
	err := q.engine.inTx(ctx, func(t tx) error {
		// Those that were set aside wait as well, and who stood back a moment ago.
		held, aside := q.engine.rankSQL(h), q.due("scheduled", 0)
		if err := t.row(ctx, []any{&others}, `SELECT EXISTS (SELECT 1 FROM `+jobs+` AND (`+q.due("available", 2*setAside)+` OR `+aside+`) AND `+held+` < $1)`, rank); err != nil || !others {
			return err
		}
		if err := t.exec(ctx, `UPDATE river_job SET state = 'scheduled' WHERE id IN (
			SELECT j.id FROM `+jobs+` AND `+q.due("available", 0)+` AND `+held+` >= $1`+q.engine.lockJobs+`)`, rank); err != nil {
			return err
		}
		return t.exec(ctx, `UPDATE river_job SET state = 'available' WHERE id IN (
			SELECT j.id FROM `+jobs+` AND `+aside+` AND `+held+` < $1
			ORDER BY j.priority, j.scheduled_at, j.id LIMIT $2`+q.engine.lockJobs+`)`, rank, q.config.MaxWorkers)
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("look who else waits: %w", err)
	case !others:
		q.alone.Store(&alone{by, rank, time.Now().Add(lookForOthers)})
		q.aside.begins(job.ID)
		return false, nil
	}
	q.aside.add(job.ID, job.ScheduledAt)
	return true, nil
}

// asides are the jobs that stood back in this process, with their places.
type asides struct {
	mu    sync.Mutex
	last  time.Time           // guarded by mu; when one stood back last, zero once all are back
	stood map[int64]stoodBack // guarded by mu; by River's id
}

type stoodBack struct{ place, at time.Time }

func (a *asides) add(job int64, place time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stood == nil {
		a.stood = map[int64]stoodBack{}
	}
	a.last = time.Now()
	if was, ok := a.stood[job]; ok { // it was taken again before it had its place back
		place = was.place
	}
	a.stood[job] = stoodBack{place, a.last}
}

// begins forgets a job that has its worker.
func (a *asides) begins(job int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.stood, job)
}

// due returns those that stood back, once it is time to bring them back.
func (a *asides) due() (map[int64]stoodBack, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last.IsZero() || time.Since(a.last) < setAside {
		return nil, false
	}
	return maps.Clone(a.stood), true
}

// back forgets those that are back, and whether there are others if none is left.
func (a *asides) back(jobs map[int64]stoodBack, left bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, was := range jobs {
		if a.stood[id] == was {
			delete(a.stood, id)
		}
	}
	if !left && len(a.stood) == 0 {
		a.last = time.Time{}
	}
}

// bringBack lets those be taken again that were set aside, as many as may find a
// worker, and gives those that stood back their places again.
func (q *Queue) bringBack(ctx context.Context) error {
	stood, due := q.aside.due()
	if !due {
		return nil
	}
	var left bool
	back := map[int64]stoodBack{}
	err := q.engine.inTx(ctx, func(t tx) error {
		for id, was := range stood {
			// River has noted by now that it waits, or will: then the next time.
			err := t.row(ctx, []any{&id}, `UPDATE river_job SET scheduled_at = `+q.engine.moment("$1")+` WHERE id = $2 AND state = 'available' RETURNING id`, was.place.UnixMicro(), id)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if err == nil || time.Since(was.at) > forgetPlace {
				back[id] = was
			}
		}
		aside := `FROM river_job j WHERE j.kind = '` + dirtyKind + `' AND ` + q.due("scheduled", 0)
		if err := t.exec(ctx, `UPDATE river_job SET state = 'available' WHERE id IN (
			SELECT j.id `+aside+` ORDER BY j.priority, j.scheduled_at, j.id LIMIT $1`+q.engine.lockJobs+`)`, 2*q.config.MaxWorkers); err != nil {
			return err
		}
		return t.row(ctx, []any{&left}, `SELECT EXISTS (SELECT 1 `+aside+`)`)
	})
	if err == nil {
		q.aside.back(back, left)
	}
	return err
}

// bringBackUntilStopped is for workers that are idle while all that waits was set
// aside.
func (q *Queue) bringBackUntilStopped(ctx context.Context) {
	ticker := time.NewTicker(setAside)
	defer ticker.Stop()
	for {
		select {
		case <-q.stopped:
			return
		case <-ticker.C:
			q.tryBringBack(ctx)
		}
	}
}

func (q *Queue) tryBringBack(ctx context.Context) {
	if err := q.bringBack(ctx); err != nil {
		q.log.Warn().Err(err).Msg("bring back jobs that were set aside")
	}
}
