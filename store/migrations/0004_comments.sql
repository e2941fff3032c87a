-- Comments on pull requests as they were created, and what came of those that
-- spoke to Lockkeeper.

-- +goose Up
CREATE TABLE comments (
    repo_id    BIGINT  NOT NULL,
    comment_id BIGINT  NOT NULL,
    pull       BIGINT  NOT NULL,
    body       TEXT    NOT NULL,               -- digest of the text when it was created; '' if not known
    command    BOOLEAN NOT NULL,               -- it spoke to Lockkeeper then
    noted_at   BIGINT  NOT NULL,
    heard      TEXT    NOT NULL DEFAULT '',    -- what was understood, JSON; '' until it was heard
    answered   BOOLEAN NOT NULL DEFAULT FALSE, -- with a reaction
    PRIMARY KEY (repo_id, comment_id)
);
CREATE INDEX comments_pull ON comments (repo_id, pull);

-- +goose Down
DROP TABLE comments; -- and its index
