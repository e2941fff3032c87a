-- Registries keep no history of owners, so this is what was seen of them.

-- +goose Up
CREATE TABLE owner_looks (
    package   TEXT   NOT NULL PRIMARY KEY, -- "cargo/ring"
    first_at  BIGINT NOT NULL,             -- 0: never looked at
    last_at   BIGINT NOT NULL,
    tried_at  BIGINT NOT NULL,             -- the last try, whether the registry answered or not
    wanted_at BIGINT NOT NULL              -- when a watched lockfile last held it
);
CREATE INDEX owner_looks_tried ON owner_looks (tried_at);

CREATE TABLE owners (
    package TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    gone    BIGINT NOT NULL, -- 0: an owner still
    login   TEXT   NOT NULL, -- for display
    PRIMARY KEY (package, kind, id, since)
);
