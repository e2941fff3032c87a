-- What the pages show: the whole of the newest scan of each pull request, and who
-- is signed in.

-- +goose Up
CREATE TABLE reports (
    repo_id    BIGINT NOT NULL,
    pull       BIGINT NOT NULL,
    generation BIGINT NOT NULL, -- of the scan that it is of
    headline   TEXT   NOT NULL, -- what an overview says of it, JSON
    report     BLOB   NOT NULL,
    PRIMARY KEY (repo_id, pull)
);

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
DROP TABLE reports;
