-- Who decided what, when and from where. Nothing in it is ever changed.

-- +goose Up
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- the recorded order
    repo_id BIGINT NOT NULL,
    pull    BIGINT NOT NULL, -- 0: none
    source  TEXT   NOT NULL, -- the event; one is recorded once
    kind    TEXT   NOT NULL,
    by_id   BIGINT NOT NULL, -- 0: nobody known
    login   TEXT   NOT NULL,
    finding TEXT   NOT NULL,
    rule    TEXT   NOT NULL,
    package TEXT   NOT NULL,
    reason  TEXT   NOT NULL,
    detail  TEXT   NOT NULL,
    place   TEXT   NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX audit_source ON audit (repo_id, source, finding);
CREATE INDEX audit_made_at ON audit (made_at);

INSERT INTO audit (repo_id, pull, source, kind, by_id, login, finding, rule, package, reason, detail, place, made_at)
SELECT repo_id, pull, source, verdict, by_id, login, finding, '', '', reason, '', place, made_at FROM statements ORDER BY id;

-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is never deleted');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
