-- Statements that SQLite and PostgreSQL both take; times are microseconds since 1970.

CREATE TABLE threads (
    id         TEXT   NOT NULL PRIMARY KEY,
    title      TEXT,
    status     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX threads_by_time ON threads (created_at, id);

CREATE TABLE entries (
    thread_id TEXT   NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    seq       BIGINT NOT NULL,
    -- The item's id; without an item one that is drawn, so that writing it again writes it once.
    id        TEXT   NOT NULL,
    -- The user message whose turn it belongs to.
    turn      TEXT   NOT NULL,
    -- The very bytes in which the item is streamed.
    item      TEXT,
    message   TEXT,
    PRIMARY KEY (thread_id, seq)
);

CREATE UNIQUE INDEX entries_by_id ON entries (thread_id, id);
