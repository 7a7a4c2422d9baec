-- Calls that were made under an idempotency key, so that a repeated one is not done twice.
-- A row is written in the transaction of its effect.

CREATE TABLE keyed_calls (
    key       TEXT   NOT NULL PRIMARY KEY,
    tool      TEXT   NOT NULL,
    -- SHA-256 of the arguments.
    arguments TEXT   NOT NULL,
    -- Empty, like the next, only while the transaction is under way, which nobody else sees.
    todo_id   TEXT   NOT NULL DEFAULT '',
    -- The todo as the call left it, or as it was when deleted; JSON.
    todo      TEXT   NOT NULL DEFAULT '',
    made_at   BIGINT NOT NULL
);

CREATE INDEX keyed_calls_by_time ON keyed_calls (made_at);
