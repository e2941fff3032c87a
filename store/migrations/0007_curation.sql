-- What becomes of sign-offs once they were given: entries of the allowlist.

-- +goose Up

-- What the findings that somebody was asked about are, by what sign-offs name.
CREATE TABLE findings (
    repo_id BIGINT NOT NULL,
    finding TEXT   NOT NULL,
    rule    TEXT   NOT NULL,
    package TEXT   NOT NULL, -- a package URL, or a path
    PRIMARY KEY (repo_id, finding)
);

-- Findings that are signed off in a pull request, as its newest scan has them.
CREATE TABLE signed (
    repo_id  BIGINT NOT NULL,
    pull     BIGINT NOT NULL,
    finding  TEXT   NOT NULL,
    base_ref TEXT   NOT NULL,
    head     TEXT   NOT NULL, -- commit that the scan was of
    state    TEXT   NOT NULL CHECK (state IN ('open', 'merged', 'declined')),
    body     TEXT   NOT NULL, -- JSON
    PRIMARY KEY (repo_id, pull, finding)
);
CREATE INDEX signed_state ON signed (repo_id, base_ref, state);

-- Pull requests of Lockkeeper's own.
CREATE TABLE offers (
    repo_id  BIGINT NOT NULL,
    kind     TEXT   NOT NULL CHECK (kind IN ('allowlist', 'onboarding')),
    base_ref TEXT   NOT NULL,
    pull     BIGINT NOT NULL,
    state    TEXT   NOT NULL CHECK (state IN ('open', 'closed', 'declined')),
    PRIMARY KEY (repo_id, kind, base_ref)
);

-- The rules of a branch as they were last seen, by git's ids; '' where there is no
-- such file.
CREATE TABLE rules_seen (
    repo_id   BIGINT NOT NULL,
    branch    TEXT   NOT NULL,
    commit_id TEXT   NOT NULL,
    policy    TEXT   NOT NULL,
    allowlist TEXT   NOT NULL,
    PRIMARY KEY (repo_id, branch)
);

-- +goose Down
DROP TABLE rules_seen;
DROP TABLE offers;
DROP TABLE signed;
DROP TABLE findings;
