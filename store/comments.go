package store

import (
	"context"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper"
)

// Comment is what is known of one comment on a pull request.
type Comment struct {
	ID int64
	// Body is the digest of the text as it was created, empty where nobody told.
	Body lockkeeper.Digest
	// Command: it spoke to Lockkeeper when it was created.
	Command bool
	NotedAt time.Time
	// Heard is what was understood, JSON; nil until it was heard.
	Heard []byte
	// Answered: a reaction was given.
	Answered bool
}

// NoteComment records a new comment as it was created. What is known of it already
// stays as it is.
func (s *Store) NoteComment(ctx context.Context, repoID int64, pull int, c Comment) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO comments (repo_id, comment_id, pull, body, command, noted_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (repo_id, comment_id) DO NOTHING`,
		repoID, c.ID, pull, string(c.Body), c.Command, micros(c.NotedAt))
	if err != nil {
		return fmt.Errorf("note comment %d of repository %d pull %d: %w", c.ID, repoID, pull, err)
	}
	return nil
}

// HearComment records what was understood of a comment, noted or not. A comment is
// heard once: what a second call says is not recorded.
func (s *Store) HearComment(ctx context.Context, repoID int64, pull int, c Comment) error {
	if n := len(c.Heard); n == 0 || n > maxText {
		return fmt.Errorf("hear comment %d of repository %d pull %d: %d bytes, not 1 to %d: %w", c.ID, repoID, pull, n, maxText, ErrTooLarge)
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO comments (repo_id, comment_id, pull, body, command, noted_at, heard) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (repo_id, comment_id) DO UPDATE SET heard = excluded.heard WHERE comments.heard = ''`,
		repoID, c.ID, pull, string(c.Body), true, micros(c.NotedAt), string(c.Heard))
	if err != nil {
		return fmt.Errorf("hear comment %d of repository %d pull %d: %w", c.ID, repoID, pull, err)
	}
	return nil
}

// AnswerComment records that a comment got its reaction.
func (s *Store) AnswerComment(ctx context.Context, repoID, id int64) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE comments SET answered = TRUE WHERE repo_id = $1 AND comment_id = $2`, repoID, id); err != nil {
		return fmt.Errorf("answer comment %d of repository %d: %w", id, repoID, err)
	}
	return nil
}

// Comments returns what is known of the comments on a pull request, the oldest
// first.
func (s *Store) Comments(ctx context.Context, repoID int64, pull int) ([]Comment, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT comment_id, body, command, noted_at, heard, answered FROM comments
		WHERE repo_id = $1 AND pull = $2 ORDER BY comment_id`, repoID, pull)
	if err != nil {
		return nil, fmt.Errorf("read comments of repository %d pull %d: %w", repoID, pull, err)
	}
	defer rows.Close()
	var all []Comment
	for rows.Next() {
		var c Comment
		var at int64
		var heard string
		if err := rows.Scan(&c.ID, &c.Body, &c.Command, &at, &heard, &c.Answered); err != nil {
			return nil, fmt.Errorf("read comments of repository %d pull %d: %w", repoID, pull, err)
		}
		c.NotedAt = fromMicros(at)
		if heard != "" {
			c.Heard = []byte(heard)
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read comments of repository %d pull %d: %w", repoID, pull, err)
	}
	return all, nil
}
