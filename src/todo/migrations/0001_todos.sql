-- Statements that SQLite and PostgreSQL both take; times are microseconds since 1970.

CREATE TABLE todos (
    id           TEXT   NOT NULL PRIMARY KEY,
    title        TEXT   NOT NULL,
    -- The title without case, to sort by.
    title_key    TEXT   NOT NULL,
    notes        TEXT,
    status       TEXT   NOT NULL,
    -- 0 low, 1 normal, 2 high.
    priority     BIGINT NOT NULL,
    due          TEXT,
    -- The same as a number that sorts like time: YYYYMMDDhhmm + 1, or YYYYMMDD0000 for a whole day.
    due_key      BIGINT,
    -- A JSON list.
    tags         TEXT   NOT NULL,
    -- Title, notes and tags without case: the databases do not agree on that beyond ASCII.
    search       TEXT   NOT NULL,
    -- The tags without case, each between line breaks.
    search_tags  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    completed_at BIGINT
);

CREATE INDEX todos_by_time ON todos (created_at, id);
