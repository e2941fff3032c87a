package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper"
)

// Session is somebody who is signed in on the pages. How long it lasts is for the
// pages to say.
type Session struct {
	// Hash of the id, which only the browser has: whoever reads the database cannot
	// take a session over.
	Hash       lockkeeper.Digest
	User       int64
	Login      string // when they signed in
	Made, Seen time.Time
}

// PutSession keeps a new session.
func (s *Store) PutSession(ctx context.Context, session Session) error {
	if session.Hash == "" || session.User == 0 {
		return errors.New("keep session: it is nobody's")
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO sessions (hash, user_id, login, made_at, seen_at) VALUES ($1, $2, $3, $4, $5)`,
		string(session.Hash), session.User, text(session.Login), micros(session.Made), micros(session.Seen))
	if err != nil {
		return fmt.Errorf("keep session of %d: %w", session.User, err)
	}
	return nil
}

// Session returns the session with that hash; found is false where there is none.
func (s *Store) Session(ctx context.Context, hash lockkeeper.Digest) (session Session, found bool, err error) {
	var made, seen int64
	err = s.db.QueryRowContext(ctx, `SELECT hash, user_id, login, made_at, seen_at FROM sessions WHERE hash = $1`, string(hash)).
		Scan(&session.Hash, &session.User, &session.Login, &made, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, false, nil
	}
	if err != nil {
		return Session{}, false, fmt.Errorf("read session: %w", err)
	}
	session.Made, session.Seen = fromMicros(made), fromMicros(seen)
	return session, true, nil
}

// SeeSession notes that a session was used. An older time changes nothing.
func (s *Store) SeeSession(ctx context.Context, hash lockkeeper.Digest, at time.Time) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2`, string(hash), micros(at)); err != nil {
		return fmt.Errorf("note use of a session: %w", err)
	}
	return nil
}

// EndSession forgets a session; one that is not there is no error.
func (s *Store) EndSession(ctx context.Context, hash lockkeeper.Digest) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE hash = $1`, string(hash)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// PruneSessions forgets sessions made before one time, or not used since another.
func (s *Store) PruneSessions(ctx context.Context, madeBefore, seenBefore time.Time) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE made_at < $1 OR seen_at < $2`, micros(madeBefore), micros(seenBefore)); err != nil {
		return fmt.Errorf("end old sessions: %w", err)
	}
	return nil
}
