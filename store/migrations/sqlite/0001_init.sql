-- Times are microseconds since 1970 in UTC, so that they sort and compare alike
-- on every database.

-- +goose Up
CREATE TABLE repositories (
    id           BIGINT  NOT NULL PRIMARY KEY, -- GitHub's; survives renames
    owner        TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    installation BIGINT  NOT NULL,
    onboarded    BOOLEAN NOT NULL DEFAULT FALSE,
    removed      BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX repositories_installation ON repositories (installation);

CREATE TABLE statements (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- the recorded order
    repo_id BIGINT NOT NULL,
    pull    BIGINT NOT NULL,
    source  TEXT   NOT NULL,
    finding TEXT   NOT NULL,
    verdict TEXT   NOT NULL CHECK (verdict IN ('sign-off', 'reject', 'withdraw')),
    by_id   BIGINT NOT NULL,
    login   TEXT   NOT NULL,
    reason  TEXT   NOT NULL,
    place   TEXT   NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX statements_source ON statements (repo_id, source, finding);
CREATE INDEX statements_finding ON statements (repo_id, finding, id);

-- +goose StatementBegin
CREATE TRIGGER statements_no_update BEFORE UPDATE ON statements
BEGIN
    SELECT RAISE(ABORT, 'statements are never changed: record another one');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER statements_no_delete BEFORE DELETE ON statements
BEGIN
    SELECT RAISE(ABORT, 'statements are never deleted: record a withdrawal');
END;
-- +goose StatementEnd

CREATE TABLE scans (
    repo_id        BIGINT  NOT NULL,
    pull           BIGINT  NOT NULL,
    generation     BIGINT  NOT NULL,
    open           BOOLEAN NOT NULL,
    head           TEXT    NOT NULL,
    base           TEXT    NOT NULL,
    base_ref       TEXT    NOT NULL,
    merge_base     TEXT    NOT NULL,
    check_id       BIGINT  NOT NULL,
    comment_id     BIGINT  NOT NULL,
    comment_digest TEXT    NOT NULL,
    conclusion     TEXT    NOT NULL,
    result         BLOB,
    made_at        BIGINT  NOT NULL,
    PRIMARY KEY (repo_id, pull)
);
CREATE INDEX scans_base ON scans (repo_id, base_ref);

CREATE TABLE handled (
    key     TEXT   NOT NULL PRIMARY KEY,
    made_at BIGINT NOT NULL
);

CREATE TABLE facts (
    key     TEXT   NOT NULL PRIMARY KEY,
    value   BLOB   NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX facts_made_at ON facts (made_at);

-- What the queue package knows of each thing that jobs are about. Rows stay, so
-- that a generation never comes twice.
CREATE TABLE dirty (
    key        TEXT   NOT NULL PRIMARY KEY,
    events     BIGINT NOT NULL,           -- so far
    done       BIGINT NOT NULL DEFAULT 0, -- events that a run which went well began after
    generation BIGINT NOT NULL DEFAULT 0, -- of the newest run; counts runs begun
    failures   BIGINT NOT NULL DEFAULT 0, -- of runs, in a row
    job        TEXT   NOT NULL            -- the newest event, JSON
);

CREATE INDEX dirty_undone ON dirty (key) WHERE events > done;

-- Comments that no run has dealt with yet.
CREATE TABLE dirty_comments (
    key        TEXT   NOT NULL,
    comment_id BIGINT NOT NULL,
    event      BIGINT NOT NULL, -- dirty.events when it came
    PRIMARY KEY (key, comment_id)
);

-- +goose Down
DROP TABLE dirty_comments;
DROP TABLE dirty; -- and its index
DROP TABLE facts;
DROP TABLE handled;
DROP TABLE scans;
DROP TABLE statements;
DROP TABLE repositories;
