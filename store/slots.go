package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// claimWithin is how long the database may take to give out a slot.
const claimWithin = 10 * time.Second

// Slot is a moment that belongs to who claimed it.
type Slot struct {
	At   time.Time     // by the clock of the database
	Wait time.Duration // until then; zero or less: it is now
}

// backlog bounds how far ahead slots are given out, in intervals. Each process
// claims one at a time, so more of them than a hundred processes would take means
// that the clock of the database was set back.
const backlog = 100

// NextSlot claims the next free moment of those that are given out under name,
// one in each interval to all processes together. A process that dies leaves one
// slot unused, and holds up nobody.
func (s *Store) NextSlot(ctx context.Context, name string, interval time.Duration) (Slot, error) {
	if err := checkKey("name", name); err != nil {
		return Slot{}, fmt.Errorf("claim a slot: %w", err)
	}
	var at, now int64
	err := s.db.QueryRowContext(ctx, `
		INSERT INTO slots (name, next_at) VALUES ($1, `+s.dialect.now+` + $2)
		ON CONFLICT (name) DO UPDATE SET next_at = $2 +
			CASE WHEN slots.next_at BETWEEN `+s.dialect.now+` AND `+s.dialect.now+` + $3 THEN slots.next_at ELSE `+s.dialect.now+` END
		RETURNING next_at - $2, `+s.dialect.now,
		name, interval.Microseconds(), backlog*interval.Microseconds()).Scan(&at, &now)
	if err != nil {
		return Slot{}, fmt.Errorf("claim a slot of %q: %w", name, err)
	}
	return Slot{At: fromMicros(at), Wait: time.Duration(at-now) * time.Microsecond}, nil
}

// Turn reports whether it is this process's turn at periodic work: of all that
// ask, one in each interval is told so. Who dies at it leaves the work to the next
// interval, so it must be work that can be done again.
func (s *Store) Turn(ctx context.Context, name string, interval time.Duration) (bool, error) {
	if err := checkKey("name", name); err != nil {
		return false, fmt.Errorf("ask for a turn: %w", err)
	}
	var at int64
	// A next turn that is far away means that the clock was set back.
	err := s.db.QueryRowContext(ctx, `
		INSERT INTO slots (name, next_at) VALUES ($1, `+s.dialect.now+` + $2)
		ON CONFLICT (name) DO UPDATE SET next_at = `+s.dialect.now+` + $2
			WHERE slots.next_at NOT BETWEEN `+s.dialect.now+` + 1 AND `+s.dialect.now+` + 2 * $2
		RETURNING next_at`, name, interval.Microseconds()).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for a turn at %q: %w", name, err)
	}
	return true, nil
}

// Hold keeps the turn that this process has at periodic work for as long again from now:
// for work that takes longer than the interval in which another one takes over from
// who died at it.
func (s *Store) Hold(ctx context.Context, name string, interval time.Duration) error {
	_, err := s.db.ExecContext(ctx, `UPDATE slots SET next_at = `+s.dialect.now+` + $2 WHERE name = $1`, name, interval.Microseconds())
	if err != nil {
		return fmt.Errorf("hold the turn at %q: %w", name, err)
	}
	return nil
}

// Budget spaces requests by an interval, counted over all processes on one
// database. All methods may be used at the same time.
type Budget struct {
	store    *Store
	name     string
	interval time.Duration
	// turn holds the one token of whoever waits for the slot of this process. So a
	// process has claimed one slot at most when it dies.
	turn chan struct{}
	// kept is the slot of somebody who gave up before it came. turn guards it.
	kept time.Time
}

// Budget gives requests out under name, such as "api crates.example.invalid".
func (s *Store) Budget(name string, interval time.Duration) *Budget {
	b := &Budget{store: s, name: name, interval: interval, turn: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	return b
}

// Wait returns when one request may be made, or with an error if ctx ends first
// or the database does not answer.
func (b *Budget) Wait(ctx context.Context) error {
	select {
	case <-b.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { b.turn <- struct{}{} }()
	at := b.kept
	b.kept = time.Time{}
	// What was kept is as good as new until its moment is over.
	if at.IsZero() || time.Since(at) > 0 {
		// Not with ctx: a claim that is cut off may have been made, and would be lost.
		claim, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimWithin)
		defer cancel()
		slot, err := b.store.NextSlot(claim, b.name, b.interval)
		if err != nil {
			return err
		}
		at = time.Now().Add(slot.Wait)
	}
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		b.kept = at
		return ctx.Err()
	}
}
