-- Who is signed in on the pages, and what these look up.

-- +goose Up
CREATE TABLE sessions (
    hash    TEXT   NOT NULL PRIMARY KEY, -- of the id; the id itself is in the browser alone
    user_id BIGINT NOT NULL,
    login   TEXT   NOT NULL,
    made_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX sessions_made ON sessions (made_at);

CREATE INDEX statements_repo ON statements (repo_id, id);
CREATE INDEX scans_open ON scans (conclusion) WHERE open;

-- +goose Down
DROP INDEX scans_open;
DROP INDEX statements_repo;
DROP TABLE sessions;
