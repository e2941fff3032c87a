-- What several processes on one database have to agree on.

-- +goose Up

-- Processes that run jobs, and until when each is believed to live. Who falls
-- silent loses its row, and with it the right to note anything about a run.
CREATE TABLE processes (
    id    TEXT   NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
);

-- The run that has a thing to itself: of which process, and since when. Empty:
-- none.
ALTER TABLE dirty ADD COLUMN runner TEXT NOT NULL DEFAULT '';
ALTER TABLE dirty ADD COLUMN begun_at BIGINT NOT NULL DEFAULT 0;

-- Moments that are given out one by one: requests to a registry, turns at
-- periodic work.
CREATE TABLE slots (
    name    TEXT   NOT NULL PRIMARY KEY,
    next_at BIGINT NOT NULL -- the first that is free
);

-- +goose Down
DROP TABLE slots;
ALTER TABLE dirty DROP COLUMN begun_at;
ALTER TABLE dirty DROP COLUMN runner;
DROP TABLE processes;
