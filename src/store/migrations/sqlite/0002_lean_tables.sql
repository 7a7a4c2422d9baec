-- Rows live in the primary key's own tree: a new thread writes four pages instead of six.

CREATE TABLE lean_threads (
    id         TEXT   NOT NULL PRIMARY KEY,
    title      TEXT,
    status     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE lean_entries (
    thread_id TEXT   NOT NULL REFERENCES lean_threads (id) ON DELETE CASCADE,
    seq       BIGINT NOT NULL,
    id        TEXT   NOT NULL,
    turn      TEXT   NOT NULL,
    item      TEXT,
    message   TEXT,
    PRIMARY KEY (thread_id, seq)
) WITHOUT ROWID;

INSERT INTO lean_threads SELECT id, title, status, created_at FROM threads;
INSERT INTO lean_entries SELECT thread_id, seq, id, turn, item, message FROM entries;

DROP TABLE entries;
DROP TABLE threads;
ALTER TABLE lean_threads RENAME TO threads;
ALTER TABLE lean_entries RENAME TO entries;

CREATE INDEX threads_by_time ON threads (created_at, id);
CREATE UNIQUE INDEX entries_by_id ON entries (thread_id, id);

-- A thread begins with its first entry, in one statement: one trip and no transaction of ours.
CREATE VIEW beginnings AS
    SELECT t.id AS thread_id, t.title, t.status, t.created_at, e.id, e.turn, e.item, e.message
    FROM threads AS t JOIN entries AS e ON e.thread_id = t.id AND e.seq = 1;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
BEGIN
    INSERT INTO threads (id, title, status, created_at)
    VALUES (NEW.thread_id, NEW.title, NEW.status, NEW.created_at)
    ON CONFLICT (id) DO NOTHING;
    INSERT INTO entries (thread_id, seq, id, turn, item, message)
    VALUES (NEW.thread_id, 1, NEW.id, NEW.turn, NEW.item, NEW.message)
    ON CONFLICT (thread_id, seq) DO NOTHING;
END;
