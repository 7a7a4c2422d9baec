-- Todos and keyed calls belong to somebody. What was there before belongs to whoever came without
-- a name.

ALTER TABLE todos ADD COLUMN owner TEXT NOT NULL DEFAULT 'anyone';

DROP INDEX todos_by_time;
CREATE INDEX todos_by_owner ON todos (owner, created_at, id);

-- SQLite cannot change a primary key, so the table is written anew.
CREATE TABLE owned_calls (
    owner     TEXT   NOT NULL DEFAULT 'anyone',
    key       TEXT   NOT NULL,
    tool      TEXT   NOT NULL,
    -- SHA-256 of the arguments.
    arguments TEXT   NOT NULL,
    -- Empty, like the next, only while the transaction is under way, which nobody else sees.
    todo_id   TEXT   NOT NULL DEFAULT '',
    -- The todo as the call left it, or as it was when deleted; JSON.
    todo      TEXT   NOT NULL DEFAULT '',
    made_at   BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);

INSERT INTO owned_calls (key, tool, arguments, todo_id, todo, made_at)
    SELECT key, tool, arguments, todo_id, todo, made_at FROM keyed_calls;

DROP TABLE keyed_calls;
ALTER TABLE owned_calls RENAME TO keyed_calls;
CREATE INDEX keyed_calls_by_time ON keyed_calls (made_at);
