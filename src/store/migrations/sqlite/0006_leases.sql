-- Leases on any resource; effects by the message that a person would retry; receipts that belong
-- to their thread and hold nobody's words; a turn begins in one statement.

DROP TRIGGER begin_thread;
DROP VIEW beginnings;
DROP TRIGGER end_turn;
DROP VIEW endings;
DROP TRIGGER forget_receipts;

CREATE TABLE leases (
    -- The id of a thread, or of whatever else only one may work on at a time.
    resource   TEXT   NOT NULL PRIMARY KEY,
    -- Counted up by every claim: whoever writes names it.
    epoch      BIGINT NOT NULL,
    -- In milliseconds of the database's clock; 0 once it is let go.
    held_until BIGINT NOT NULL,
    -- Names the claim, so that one whose answer was lost knows itself.
    claim      TEXT   NOT NULL
) WITHOUT ROWID;

INSERT INTO leases SELECT id, epoch, held_until, '' FROM threads;

ALTER TABLE threads DROP COLUMN epoch;
ALTER TABLE threads DROP COLUMN held_until;
-- The last try at anything in this thread.
ALTER TABLE threads ADD COLUMN newest_attempt TEXT NOT NULL DEFAULT '';

-- Whoever ends a lease for good ends what it is about: locks are taken in this order everywhere.
CREATE TRIGGER forget_thread AFTER DELETE ON leases
BEGIN
    DELETE FROM threads WHERE id = OLD.resource;
END;

-- What followed the answer to a form belongs to the message that the form was asked for.
ALTER TABLE entries RENAME COLUMN turn TO root;

UPDATE entries SET root = COALESCE((
    WITH RECURSIVE up (id, root) AS (
        SELECT e.id, e.root FROM entries AS e
        WHERE e.thread_id = entries.thread_id AND e.id = entries.root
        UNION
        SELECT e.id, e.root FROM entries AS e JOIN up ON e.id = up.root
        WHERE e.thread_id = entries.thread_id
    )
    SELECT root FROM up WHERE root NOT LIKE 'inp\_%' ESCAPE '\' LIMIT 1
), root)
WHERE root LIKE 'inp\_%' ESCAPE '\';

ALTER TABLE effects RENAME TO old_effects;

CREATE TABLE effects (
    resource   TEXT   NOT NULL REFERENCES leases (resource) ON DELETE CASCADE,
    -- The message that it was done for.
    root       TEXT   NOT NULL,
    -- The call's own.
    key        TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    tool       TEXT   NOT NULL,
    arguments  TEXT   NOT NULL,
    -- The tool's answer; none while it is unknown whether the effect happened.
    output     TEXT,
    -- The holder that began it.
    epoch      BIGINT NOT NULL,
    PRIMARY KEY (resource, root, key)
) WITHOUT ROWID;

INSERT INTO effects
SELECT o.thread_id, COALESCE(e.root, o.turn), o.key, o.seq + 1000 * COALESCE(e.seq, 0),
       o.tool, o.arguments, o.output, 0
FROM old_effects AS o LEFT JOIN entries AS e ON e.thread_id = o.thread_id AND e.id = o.turn;

DROP TABLE old_effects;

ALTER TABLE receipts RENAME TO old_receipts;
DROP INDEX receipts_by_time;

CREATE TABLE receipts (
    key         TEXT    NOT NULL PRIMARY KEY,
    thread_id   TEXT    NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    -- The last try.
    attempt     TEXT    NOT NULL,
    -- A digest.
    body        TEXT    NOT NULL,
    -- What is asked about.
    item        TEXT    NOT NULL,
    is_new      BIGINT  NOT NULL,
    received_at BIGINT  NOT NULL,
    -- The end of the last try; none while it runs, or if its process died.
    ended_at    BIGINT,
    outcome     TEXT,
    is_final    BIGINT,
    told        TEXT,
    spend       TEXT
) WITHOUT ROWID;

INSERT INTO receipts
SELECT key, receipt ->> '$.thread', turn, receipt ->> '$.body', receipt ->> '$.turn',
       receipt ->> '$.is_new', received_at,
       CASE WHEN receipt -> '$.end.turn' IS NULL THEN NULL ELSE received_at END,
       receipt ->> '$.end.turn.outcome',
       receipt ->> '$.end.turn.outcome' IN ('completed', 'awaiting_input'),
       receipt ->> '$.end.turn.told',
       COALESCE(receipt -> '$.end.turn.spend', receipt -> '$.end.turn.usage')
FROM old_receipts WHERE receipt ->> '$.thread' IN (SELECT id FROM threads);

UPDATE threads SET newest_attempt = COALESCE((
    SELECT r.attempt FROM receipts AS r
    WHERE r.thread_id = threads.id AND r.item = (
        SELECT e.root FROM entries AS e WHERE e.thread_id = threads.id ORDER BY e.seq DESC LIMIT 1)
    ORDER BY r.received_at DESC LIMIT 1), '');

DROP TABLE old_receipts;
CREATE INDEX receipts_by_time ON receipts (received_at);
CREATE INDEX receipts_by_thread ON receipts (thread_id);

-- A day is as long as a client may take to ask again.
CREATE TRIGGER forget_receipts BEFORE INSERT ON receipts
BEGIN
    DELETE FROM receipts WHERE received_at < (SELECT ms FROM clock) - 86400000;
END;

-- A thread begins with its lease, its first entry and the receipt, in one statement.
CREATE VIEW beginnings AS
    SELECT NULL AS thread_id, NULL AS title, NULL AS status, 0 AS created_at, 0 AS held_for,
           NULL AS attempt, NULL AS id, NULL AS root, NULL AS item, NULL AS message,
           NULL AS key, NULL AS body, NULL AS replaces
    WHERE FALSE;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
BEGIN
    INSERT INTO leases (resource, epoch, held_until, claim)
    VALUES (NEW.thread_id, 1, (SELECT ms FROM clock) + NEW.held_for, NEW.attempt)
    ON CONFLICT (resource) DO NOTHING;
    INSERT INTO threads (id, title, status, created_at, newest_attempt)
    VALUES (NEW.thread_id, NEW.title, NEW.status, NEW.created_at, NEW.attempt)
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

-- A turn in a thread that is there begins with a form that a message settles, with what is asked,
-- with the receipt; from then on it is the thread's newest try.
CREATE VIEW openings AS
    SELECT NULL AS thread_id, NULL AS attempt,
           NULL AS form_id, NULL AS form_root, NULL AS form_item,
           NULL AS id, NULL AS root, NULL AS item, NULL AS message,
           NULL AS key, NULL AS body, NULL AS asked, 0 AS is_new, NULL AS replaces
    WHERE FALSE;

CREATE TRIGGER open_turn INSTEAD OF INSERT ON openings
BEGIN
    INSERT INTO entries (thread_id, seq, id, root, item, message)
    SELECT NEW.thread_id,
           (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM entries AS e WHERE e.thread_id = NEW.thread_id),
           NEW.form_id, NEW.form_root, NEW.form_item, NULL
    WHERE NEW.form_id IS NOT NULL
    ON CONFLICT (thread_id, id) DO UPDATE SET item = excluded.item;
    INSERT INTO entries (thread_id, seq, id, root, item, message)
    SELECT NEW.thread_id,
           (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM entries AS e WHERE e.thread_id = NEW.thread_id),
           NEW.id, NEW.root, NEW.item, NEW.message
    WHERE NEW.id IS NOT NULL
    ON CONFLICT (thread_id, id) DO UPDATE
    SET item = excluded.item, message = COALESCE(excluded.message, entries.message);
    -- Of two that come in one statement the later fails, and is then tried alone.
    SELECT RAISE(ABORT, 'the key is taken') WHERE EXISTS (
        SELECT 1 FROM receipts WHERE key = NEW.key AND attempt <> NEW.attempt
        AND attempt <> COALESCE(NEW.replaces, '')
        AND received_at > (SELECT ms FROM clock) - 86400000);
    INSERT INTO receipts (key, thread_id, attempt, body, item, is_new, received_at)
    SELECT NEW.key, NEW.thread_id, NEW.attempt, NEW.body, NEW.asked, NEW.is_new,
           (SELECT ms FROM clock)
    WHERE NEW.key IS NOT NULL
    ON CONFLICT (key) DO UPDATE
    SET thread_id = excluded.thread_id, attempt = excluded.attempt, body = excluded.body,
        item = excluded.item, is_new = excluded.is_new, received_at = excluded.received_at,
        ended_at = NULL, outcome = NULL, is_final = NULL, told = NULL, spend = NULL;
    UPDATE threads SET newest_attempt = NEW.attempt WHERE id = NEW.thread_id;
END;

-- A turn ends in one statement: the last entry, what became of the request, what the thread cost.
CREATE VIEW endings AS
    SELECT NULL AS thread_id, 0 AS input_tokens, 0 AS cached_tokens, 0 AS output_tokens,
           0 AS thinking_tokens, 0 AS cost_nanos, 0 AS unpriced_calls,
           NULL AS id, NULL AS root, NULL AS item, NULL AS message,
           NULL AS key, NULL AS attempt, NULL AS outcome, 0 AS is_final, NULL AS told,
           NULL AS spend
    WHERE FALSE;

CREATE TRIGGER end_turn INSTEAD OF INSERT ON endings
BEGIN
    INSERT INTO entries (thread_id, seq, id, root, item, message)
    SELECT NEW.thread_id,
           (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM entries AS e WHERE e.thread_id = NEW.thread_id),
           NEW.id, NEW.root, NEW.item, NEW.message
    WHERE NEW.id IS NOT NULL
    ON CONFLICT (thread_id, id) DO UPDATE
    SET item = excluded.item, message = COALESCE(excluded.message, entries.message);

    UPDATE receipts
    SET ended_at = (SELECT ms FROM clock), outcome = NEW.outcome, is_final = NEW.is_final,
        told = NEW.told, spend = NEW.spend
    WHERE key = NEW.key AND attempt = NEW.attempt;

    UPDATE leases SET held_until = 0 WHERE resource = NEW.thread_id;

    UPDATE threads
    SET input_tokens = NEW.input_tokens, cached_tokens = NEW.cached_tokens,
        output_tokens = NEW.output_tokens, thinking_tokens = NEW.thinking_tokens,
        cost_nanos = NEW.cost_nanos, unpriced_calls = NEW.unpriced_calls
    WHERE id = NEW.thread_id;
END;
