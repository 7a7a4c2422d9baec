-- Threads belong to somebody. What was there before belongs to whoever came without a name.

ALTER TABLE leases ADD COLUMN owner TEXT NOT NULL DEFAULT 'anyone';
ALTER TABLE threads ADD COLUMN owner TEXT NOT NULL DEFAULT 'anyone';

DROP INDEX threads_by_time;
CREATE INDEX threads_by_owner ON threads (owner, created_at, id);

DROP TRIGGER begin_thread ON beginnings;
DROP VIEW beginnings;
DROP FUNCTION begin_thread;

-- A thread begins with its lease, its first entry and the receipt, in one statement.
CREATE VIEW beginnings AS
    SELECT CAST(NULL AS TEXT) AS thread_id, CAST(NULL AS TEXT) AS owner,
           CAST(NULL AS TEXT) AS title,
           CAST(NULL AS TEXT) AS status, CAST(0 AS BIGINT) AS created_at,
           CAST(0 AS BIGINT) AS held_for, CAST(NULL AS TEXT) AS attempt,
           CAST(NULL AS TEXT) AS id, CAST(NULL AS TEXT) AS root, CAST(NULL AS TEXT) AS item,
           CAST(NULL AS TEXT) AS message, CAST(NULL AS TEXT) AS key, CAST(NULL AS TEXT) AS body,
           CAST(NULL AS TEXT) AS replaces
    WHERE FALSE;

CREATE FUNCTION begin_thread() RETURNS trigger LANGUAGE plpgsql AS $$
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
    PERFORM note_receipt(NEW.key, NEW.thread_id, NEW.attempt, NEW.body, NEW.id,
                         CAST(1 AS BIGINT), NEW.replaces);
    RETURN NEW;
END $$;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
    FOR EACH ROW EXECUTE FUNCTION begin_thread();
