-- Since when a pull request is known to be closed, so that what was kept for it can go
-- some day.

-- +goose Up
ALTER TABLE scans ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0; -- 0: open, or not noted yet
CREATE INDEX scans_unnoted ON scans (repo_id, pull) WHERE closed_at = 0;
CREATE INDEX scans_closed ON scans (closed_at) WHERE closed_at > 0;
CREATE INDEX comments_unheard ON comments (noted_at) WHERE heard = '';

-- +goose Down
DROP INDEX comments_unheard;
DROP INDEX scans_closed;
DROP INDEX scans_unnoted;
ALTER TABLE scans DROP COLUMN closed_at;
