-- What the pages show: all that the newest scan of each pull request found.

-- +goose Up
CREATE TABLE reports (
    repo_id    BIGINT NOT NULL,
    pull       BIGINT NOT NULL,
    generation BIGINT NOT NULL, -- of the scan that it is of
    headline   TEXT   NOT NULL, -- what an overview says of it, JSON
    report     BLOB NOT NULL,
    PRIMARY KEY (repo_id, pull)
);

-- +goose Down
DROP TABLE reports;
