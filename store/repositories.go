package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Repository is one that the App is installed on.
type Repository struct {
	ID           int64 // GitHub's; survives renames
	Owner, Name  string
	Installation int64
	// Onboarded: the pull request that explains how to start was opened, or is not
	// needed. PutRepository leaves it alone; see SetOnboarded.
	Onboarded bool
}

// PutRepository notes that the App is installed on r, under its present name.
func (s *Store) PutRepository(ctx context.Context, r Repository) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO repositories (id, owner, name, installation, onboarded, removed) VALUES ($1, $2, $3, $4, FALSE, FALSE)
		ON CONFLICT (id) DO UPDATE SET
			owner = excluded.owner, name = excluded.name, installation = excluded.installation, removed = FALSE`,
		r.ID, text(r.Owner), text(r.Name), r.Installation)
	if err != nil {
		return fmt.Errorf("store repository %d: %w", r.ID, err)
	}
	return nil
}

// SetOnboarded changes Onboarded of a known repository.
func (s *Store) SetOnboarded(ctx context.Context, id int64, onboarded bool) error {
	result, err := s.db.ExecContext(ctx, `UPDATE repositories SET onboarded = $2 WHERE id = $1`, id, onboarded)
	if err != nil {
		return fmt.Errorf("note onboarding of repository %d: %w", id, err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows == 0 {
		return fmt.Errorf("note onboarding of repository %d: %w", id, errors.Join(err, errUnknownRepository))
	}
	return nil
}

var errUnknownRepository = errors.New("the repository is not known; store it first")

// RemoveRepository forgets that the App is installed on a repository. What was
// said and scanned there stays, in case it comes back.
func (s *Store) RemoveRepository(ctx context.Context, id int64) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE repositories SET removed = TRUE WHERE id = $1`, id); err != nil {
		return fmt.Errorf("remove repository %d: %w", id, err)
	}
	return nil
}

// RemoveInstallation is RemoveRepository for all repositories of an installation.
func (s *Store) RemoveInstallation(ctx context.Context, installation int64) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE repositories SET removed = TRUE WHERE installation = $1`, installation); err != nil {
		return fmt.Errorf("remove installation %d: %w", installation, err)
	}
	return nil
}

const repositoryColumns = `id, owner, name, installation, onboarded`

// Repository returns one that the App is installed on; found is false where it
// is not.
func (s *Store) Repository(ctx context.Context, id int64) (r Repository, found bool, err error) {
	row := s.db.QueryRowContext(ctx, `SELECT `+repositoryColumns+` FROM repositories WHERE id = $1 AND NOT removed`, id)
	err = row.Scan(&r.ID, &r.Owner, &r.Name, &r.Installation, &r.Onboarded)
	if errors.Is(err, sql.ErrNoRows) {
		return Repository{}, false, nil
	}
	if err != nil {
		return Repository{}, false, fmt.Errorf("read repository %d: %w", id, err)
	}
	return r, true, nil
}

// Repositories returns all that the App is installed on, by id.
func (s *Store) Repositories(ctx context.Context) ([]Repository, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+repositoryColumns+` FROM repositories WHERE NOT removed ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read repositories: %w", err)
	}
	defer rows.Close()
	var all []Repository
	for rows.Next() {
		var r Repository
		if err := rows.Scan(&r.ID, &r.Owner, &r.Name, &r.Installation, &r.Onboarded); err != nil {
			return nil, fmt.Errorf("read repositories: %w", err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read repositories: %w", err)
	}
	return all, nil
}
