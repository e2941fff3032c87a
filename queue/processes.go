package queue

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"
)

// silence is after how many missed beats a process is taken for dead.
const silence = 5

var (
	errTakenForDead = errors.New("this process was silent for so long that others took over its jobs")
	errHeld         = errors.New("another run about the same thing has not ended")
)

// process is this process among those that share the database. Each says again
// and again that it lives; who falls silent loses its row in the table processes,
// and everything it was running is given to others in the same transaction. The
// clock is the database's alone.
type process struct {
	id string

	mu sync.Mutex
	// running are the runs of this process by key.
	running map[string]underway
	// unreleased are claims that the database did not take back when their runs
	// ended, by key.
	unreleased map[string]int64
	// life ends when others took this process for dead, and begins anew.
	life context.Context
	end  context.CancelCauseFunc
}

// underway is a run of this process. Its generation is 0 until it has one.
type underway struct {
	generation int64
	by         holder
}

func newProcess() *process {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	p := &process{id: fmt.Sprintf("%.60s-%s", host, rand.Text()), running: map[string]underway{}, unreleased: map[string]int64{}}
	p.life, p.end = context.WithCancelCause(context.Background())
	return p
}

// bound is ctx, and ends with the present life.
func (p *process) bound(ctx context.Context) (context.Context, func()) {
	p.mu.Lock()
	life := p.life
	p.mu.Unlock()
	bounded, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(life, func() { cancel(context.Cause(life)) })
	return bounded, func() { stop(); cancel(nil) }
}

// die ends the contexts of everything that runs.
func (p *process) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(errTakenForDead)
	p.life, p.end = context.WithCancelCause(context.Background())
	clear(p.unreleased)
}

// reserve keeps two runs of this process from beginning at once. It reports
// whether nothing about key is under way.
func (p *process) reserve(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.running[key]; ok {
		return false
	}
	p.running[key] = underway{}
	return true
}

func (p *process) began(key string, generation int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.running[key]
	r.generation = generation
	p.running[key] = r
	delete(p.unreleased, key)
}

// notBegun takes back what reserve gave. A generation that was read may be noted in the
// database all the same, if the answer to the commit did not arrive; 0: none was.
func (p *process) notBegun(key string, generation int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, key)
	if generation != 0 {
		p.unreleased[key] = generation
	}
}

// has reports whether a run about key is under way, or about to be.
func (p *process) has(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.running[key]
	return ok
}

// ended notes the end of a run, and whether the database knows of it.
func (p *process) ended(key string, generation int64, released bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[key].generation != generation {
		return // a newer run has taken its place
	}
	delete(p.running, key)
	if !released {
		p.unreleased[key] = generation
	}
}

// register makes this process known before it runs anything. With SQLite nobody
// else can be at work, so that whoever is known is dead.
func (q *Queue) register(ctx context.Context) error {
	return q.engine.inTx(ctx, func(t tx) error {
		if !q.engine.shared {
			if err := t.exec(ctx, `DELETE FROM processes`); err != nil {
				return err
			}
		}
		if err := t.exec(ctx, `
			INSERT INTO processes (id, until) VALUES ($1, `+q.store.Now()+` + $2)
			ON CONFLICT (id) DO UPDATE SET until = excluded.until`, q.process.id, (silence * q.config.Beat).Microseconds()); err != nil {
			return err
		}
		return nil
	})
}

// unregister is for a process that has put everything back.
func (q *Queue) unregister(ctx context.Context) {
	if _, err := q.store.DB().ExecContext(ctx, `DELETE FROM processes WHERE id = $1`, q.process.id); err != nil {
		q.log.Warn().Err(err).Msg("say goodbye to the other processes")
	}
}

// beatUntilStopped keeps this process alive in the eyes of the others, and looks
// after those that have died.
func (q *Queue) beatUntilStopped(ctx context.Context) {
	ticker := time.NewTicker(q.config.Beat)
	defer ticker.Stop()
	// Whoever has not been around itself, or could not reach the database, does not
	// know whether the others were silent or it was deaf.
	last, steady := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := q.beat(ctx); err != nil && ctx.Err() == nil {
			q.log.Error().Err(err).Msg("tell the other processes that this one lives")
			continue
		}
		now := time.Now()
		if now.Sub(last) > 2*q.config.Beat {
			steady = now
		}
		last = now
		if now.Sub(steady) < silence*q.config.Beat {
			continue
		}
		if err := q.bury(ctx); err != nil && ctx.Err() == nil {
			q.log.Error().Err(err).Msg("take over the jobs of dead processes")
		}
	}
}

func (q *Queue) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(bookkeeping, q.config.Beat))
	defer cancel()
	result, err := q.store.DB().ExecContext(ctx, `UPDATE processes SET until = `+q.store.Now()+` + $2 WHERE id = $1`,
		q.process.id, (silence * q.config.Beat).Microseconds())
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if rows == 0 {
		q.log.Error().Msg(errTakenForDead.Error())
		q.process.die()
		return q.register(ctx)
	}
	return q.releaseLate(ctx)
}

// bury takes the rows of silent processes away, and gives their jobs to others.
// It costs one small query when nobody is silent. Who is said to live for longer than
// anybody can say, by a clock of the database that was ahead, must say so again.
func (q *Queue) bury(ctx context.Context) error {
	var silent bool
	lives := (silence * q.config.Beat).Microseconds()
	err := q.store.DB().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM processes WHERE until NOT BETWEEN `+q.store.Now()+` AND `+q.store.Now()+` + $1)`, 2*lives).Scan(&silent)
	if err != nil || !silent {
		return err
	}
	return q.engine.inTx(ctx, func(t tx) error {
		if err := t.exec(ctx, `UPDATE processes SET until = `+q.store.Now()+` + $1 WHERE until > `+q.store.Now()+` + $2`, lives, 2*lives); err != nil {
			return err
		}
		if err := t.exec(ctx, `DELETE FROM processes WHERE until < `+q.store.Now()); err != nil {
			return err
		}
		return q.takeOver(ctx, t)
	})
}

// takeOver puts back what is running in no process that is known. A job gets a
// row of its own: the process may yet wake, and what it then tells River of the
// old row must not be about the new run.
func (q *Queue) takeOver(ctx context.Context, t tx) error {
	type orphan struct {
		key      string
		priority int
	}
	var orphans []orphan
	err := t.rows(ctx, func(scan func(...any) error) error {
		var o orphan
		err := scan(&o.key, &o.priority)
		orphans = append(orphans, o)
		return err
	}, `DELETE FROM river_job WHERE state = 'running' AND kind = $1 AND `+q.engine.runner+` NOT IN (SELECT id FROM processes)
		RETURNING args ->> 'key', priority`, args{}.Kind())
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if _, err := q.insertTx(ctx, t, o.key, o.priority); err != nil {
			return err
		}
	}
	if len(orphans) > 0 {
		q.log.Info().Int("jobs", len(orphans)).Msg("took over jobs that were interrupted")
	}
	return t.exec(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running' AND kind = $1 AND `+q.engine.runner+` NOT IN (SELECT id FROM processes)`,
		later{}.Kind())
}

// releaseLate gives back what the database could not be told of earlier.
func (q *Queue) releaseLate(ctx context.Context) error {
	q.process.mu.Lock()
	late := maps.Clone(q.process.unreleased)
	q.process.mu.Unlock()
	for key, generation := range late {
		if _, err := q.store.DB().ExecContext(ctx, `UPDATE dirty SET runner = '' WHERE key = $1 AND runner = $2 AND generation = $3`,
			key, q.process.id, generation); err != nil {
			return err
		}
		q.process.mu.Lock()
		if q.process.unreleased[key] == generation {
			delete(q.process.unreleased, key)
		}
		q.process.mu.Unlock()
	}
	return nil
}

// Newest reports whether the run of that generation still is the newest about
// what j is about, and has it to itself. Ask before each effect that others see,
// and after the last: a process that was frozen in between learns so that another
// one did the work.
func (q *Queue) Newest(ctx context.Context, j Job, generation int64) (bool, error) {
	key, err := j.key()
	if err != nil {
		return false, fmt.Errorf("look whether a run is the newest: %w", err)
	}
	var newest bool
	err = q.store.DB().QueryRowContext(ctx, `
		SELECT generation = $2 AND runner = $3 AND EXISTS (SELECT 1 FROM processes WHERE id = $3) FROM dirty WHERE key = $1`,
		key, generation, q.process.id).Scan(&newest)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether the run of %s is the newest: %w", key, err)
	}
	return newest, nil
}
