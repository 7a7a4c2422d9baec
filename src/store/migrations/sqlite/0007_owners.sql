-- Threads belong to somebody. What was there before belongs to whoever came without a name.

ALTER TABLE leases ADD COLUMN owner TEXT NOT NULL DEFAULT 'anyone';
ALTER TABLE threads ADD COLUMN owner TEXT NOT NULL DEFAULT 'anyone';

DROP INDEX threads_by_time;
CREATE INDEX threads_by_owner ON threads (owner, created_at, id);

DROP TRIGGER begin_thread;
DROP VIEW beginnings;

-- A thread begins with its lease, its first entry and the receipt, in one statement.
CREATE VIEW beginnings AS
    SELECT NULL AS thread_id, NULL AS owner, NULL AS title, NULL AS status, 0 AS created_at, 0 AS held_for,
           NULL AS attempt, NULL AS id, NULL AS root, NULL AS item, NULL AS message,
           NULL AS key, NULL AS body, NULL AS replaces
    WHERE FALSE;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
BEGIN
    INSERT INTO leases (resource, owner, epoch, held_until, claim)
    VALUES (NEW.thread_id, COALESCE(NEW.owner, 'anyone'), 1, (SELECT ms FROM clock) + NEW.held_for, NEW.attempt)
    ON CONFLICT (resource) DO NOTHING;
    INSERT INTO threads (id, owner, title, status, created_at, newest_attempt)
    VALUES (NEW.thread_id, COALESCE(NEW.owner, 'anyone'), NEW.title, NEW.status, NEW.created_at, NEW.attempt)
    ON CONFLICT (id) DO NOTHING;
    INSERT INTO entries (thread_id, seq, id, root, item, message)
    VALUES (NEW.thread_id, 1, NEW.id, NEW.root, NEW.item, NEW.message)
    ON CONFLICT (thread_id, seq) DO NOTHING;
    -- Of two that come in one statement the later fails, and is then tried alone.
    SELECT RAISE(ABORT, 'the key is taken') WHERE EXISTS (
        SELECT 1 FROM receipts WHERE key = NEW.key AND attempt <> NEW.attempt
        AND attempt <> COALESCE(NEW.replaces, '')
        AND received_at > (SELECT ms FROM clock) - 86400000);
    INSERT INTO receipts (key, thread_id, attempt, body, item, is_new, received_at)
    SELECT NEW.key, NEW.thread_id, NEW.attempt, NEW.body, NEW.id, 1, (SELECT ms FROM clock)
    WHERE NEW.key IS NOT NULL
    ON CONFLICT (key) DO UPDATE
    SET thread_id = excluded.thread_id, attempt = excluded.attempt, body = excluded.body,
        item = excluded.item, is_new = 1, received_at = excluded.received_at, ended_at = NULL,
        outcome = NULL, is_final = NULL, told = NULL, spend = NULL;
END;
