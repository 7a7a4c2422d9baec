-- One turn at a time in a thread, effects that happen once, requests that may come twice.

ALTER TABLE threads ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;

-- Milliseconds since 1970, as the database sees them: replicas need not agree on the time.
CREATE VIEW clock AS SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS ms;

DROP TRIGGER begin_thread;
DROP VIEW beginnings;

CREATE VIEW beginnings AS
    SELECT t.id AS thread_id, t.title, t.status, t.created_at, 0 AS held_for,
           e.id, e.turn, e.item, e.message
    FROM threads AS t JOIN entries AS e ON e.thread_id = t.id AND e.seq = 1;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
BEGIN
    INSERT INTO threads (id, title, status, created_at, epoch, held_until)
    VALUES (NEW.thread_id, NEW.title, NEW.status, NEW.created_at,
            1, (SELECT ms FROM clock) + NEW.held_for)
    ON CONFLICT (id) DO NOTHING;
    INSERT INTO entries (thread_id, seq, id, turn, item, message)
    VALUES (NEW.thread_id, 1, NEW.id, NEW.turn, NEW.item, NEW.message)
    ON CONFLICT (thread_id, seq) DO NOTHING;
END;

CREATE TABLE effects (
    thread_id  TEXT   NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    turn       TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    tool       TEXT   NOT NULL,
    arguments  TEXT   NOT NULL,
    -- The tool's answer; none while it is unknown whether the effect happened.
    output     TEXT,
    PRIMARY KEY (thread_id, turn, key)
) WITHOUT ROWID;

CREATE TABLE ratings (
    thread_id TEXT   NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    item_id   TEXT   NOT NULL,
    rating    TEXT   NOT NULL,
    rated_at  BIGINT NOT NULL,
    PRIMARY KEY (thread_id, item_id)
) WITHOUT ROWID;

CREATE TABLE receipts (
    key         TEXT   NOT NULL PRIMARY KEY,
    turn        TEXT   NOT NULL,
    -- The whole receipt, as JSON.
    receipt     TEXT   NOT NULL,
    received_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX receipts_by_time ON receipts (received_at);
