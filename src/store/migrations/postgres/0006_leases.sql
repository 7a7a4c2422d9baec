-- Leases on any resource; effects by the message that a person would retry; receipts that belong
-- to their thread and hold nobody's words; a turn begins in one statement.

DROP TRIGGER begin_thread ON beginnings;
DROP VIEW beginnings;
DROP FUNCTION begin_thread;
DROP TRIGGER end_turn ON endings;
DROP VIEW endings;
DROP FUNCTION end_turn;
DROP TRIGGER forget_receipts ON receipts;

CREATE TABLE leases (
    -- The id of a thread, or of whatever else only one may work on at a time.
    resource   TEXT   NOT NULL PRIMARY KEY,
    -- Counted up by every claim: whoever writes names it.
    epoch      BIGINT NOT NULL,
    -- In milliseconds of the database's clock; 0 once it is let go.
    held_until BIGINT NOT NULL,
    -- Names the claim, so that one whose answer was lost knows itself.
    claim      TEXT   NOT NULL
);

INSERT INTO leases SELECT id, epoch, held_until, '' FROM threads;

ALTER TABLE threads DROP COLUMN epoch;
ALTER TABLE threads DROP COLUMN held_until;
-- The last try at anything in this thread.
ALTER TABLE threads ADD COLUMN newest_attempt TEXT NOT NULL DEFAULT '';

-- Whoever ends a lease for good ends what it is about: locks are taken in this order everywhere.
CREATE FUNCTION forget_thread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM threads WHERE id = OLD.resource;
    RETURN OLD;
END $$;

CREATE TRIGGER forget_thread AFTER DELETE ON leases
    FOR EACH ROW EXECUTE FUNCTION forget_thread();

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
    SELECT up.root FROM up WHERE up.root NOT LIKE 'inp\_%' LIMIT 1
), root)
WHERE root LIKE 'inp\_%';

ALTER TABLE effects RENAME TO old_effects;
ALTER TABLE old_effects RENAME CONSTRAINT effects_pkey TO old_effects_pkey;

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
);

INSERT INTO effects
SELECT o.thread_id, COALESCE(e.root, o.turn), o.key, o.seq + 1000 * COALESCE(e.seq, 0),
       o.tool, o.arguments, o.output, 0
FROM old_effects AS o LEFT JOIN entries AS e ON e.thread_id = o.thread_id AND e.id = o.turn;

DROP TABLE old_effects;

ALTER TABLE receipts RENAME TO old_receipts;
ALTER TABLE old_receipts RENAME CONSTRAINT receipts_pkey TO old_receipts_pkey;
DROP INDEX receipts_by_time;

CREATE TABLE receipts (
    key         TEXT   NOT NULL PRIMARY KEY,
    thread_id   TEXT   NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    -- The last try.
    attempt     TEXT   NOT NULL,
    -- A digest.
    body        TEXT   NOT NULL,
    -- What is asked about.
    item        TEXT   NOT NULL,
    is_new      BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- The end of the last try; none while it runs, or if its process died.
    ended_at    BIGINT,
    outcome     TEXT,
    is_final    BIGINT,
    told        TEXT,
    spend       TEXT
);

INSERT INTO receipts
SELECT o.key, o.value ->> 'thread', o.turn, o.value ->> 'body', o.value ->> 'turn',
       CASE o.value ->> 'is_new' WHEN 'true' THEN 1 ELSE 0 END, o.received_at,
       CASE WHEN o.ending IS NULL THEN NULL ELSE o.received_at END,
       o.ending ->> 'outcome',
       CASE WHEN o.ending ->> 'outcome' IN ('completed', 'awaiting_input') THEN 1 ELSE 0 END,
       o.ending ->> 'told',
       CAST(COALESCE(o.ending -> 'spend', o.ending -> 'usage') AS TEXT)
FROM (
    SELECT key, turn, received_at, CAST(receipt AS JSONB) AS value,
           NULLIF(CAST(receipt AS JSONB) #> '{end,turn}', 'null') AS ending
    FROM old_receipts
) AS o
WHERE o.value ->> 'thread' IN (SELECT id FROM threads);

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
    FOR EACH ROW EXECUTE FUNCTION forget_receipts();

-- Notes a request, in the place of a try of its own or of none: of two that come at once, the
-- later fails whole.
CREATE FUNCTION note_receipt(
    new_key TEXT, new_thread TEXT, new_attempt TEXT, new_body TEXT, new_item TEXT, new_is_new BIGINT,
    new_replaces TEXT
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF new_key IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO receipts (key, thread_id, attempt, body, item, is_new, received_at)
    VALUES (new_key, new_thread, new_attempt, new_body, new_item, new_is_new,
            (SELECT ms FROM clock))
    ON CONFLICT (key) DO UPDATE
    SET thread_id = excluded.thread_id, attempt = excluded.attempt, body = excluded.body,
        item = excluded.item, is_new = excluded.is_new, received_at = excluded.received_at,
        ended_at = NULL, outcome = NULL, is_final = NULL, told = NULL, spend = NULL
    WHERE receipts.attempt = new_attempt OR receipts.attempt = new_replaces;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation', CONSTRAINT = 'receipts_pkey', MESSAGE = 'the key is taken';
    END IF;
END $$;

-- A thread begins with its lease, its first entry and the receipt, in one statement.
CREATE VIEW beginnings AS
    SELECT CAST(NULL AS TEXT) AS thread_id, CAST(NULL AS TEXT) AS title,
           CAST(NULL AS TEXT) AS status, CAST(0 AS BIGINT) AS created_at,
           CAST(0 AS BIGINT) AS held_for, CAST(NULL AS TEXT) AS attempt,
           CAST(NULL AS TEXT) AS id, CAST(NULL AS TEXT) AS root, CAST(NULL AS TEXT) AS item,
           CAST(NULL AS TEXT) AS message, CAST(NULL AS TEXT) AS key, CAST(NULL AS TEXT) AS body,
           CAST(NULL AS TEXT) AS replaces
    WHERE FALSE;

CREATE FUNCTION begin_thread() RETURNS trigger LANGUAGE plpgsql AS $$
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
    PERFORM note_receipt(NEW.key, NEW.thread_id, NEW.attempt, NEW.body, NEW.id,
                         CAST(1 AS BIGINT), NEW.replaces);
    RETURN NEW;
END $$;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
    FOR EACH ROW EXECUTE FUNCTION begin_thread();

-- A turn in a thread that is there begins with a form that a message settles, with what is asked,
-- with the receipt; from then on it is the thread's newest try.
CREATE VIEW openings AS
    SELECT CAST(NULL AS TEXT) AS thread_id, CAST(NULL AS TEXT) AS attempt,
           CAST(NULL AS TEXT) AS form_id, CAST(NULL AS TEXT) AS form_root,
           CAST(NULL AS TEXT) AS form_item,
           CAST(NULL AS TEXT) AS id, CAST(NULL AS TEXT) AS root, CAST(NULL AS TEXT) AS item,
           CAST(NULL AS TEXT) AS message, CAST(NULL AS TEXT) AS key, CAST(NULL AS TEXT) AS body,
           CAST(NULL AS TEXT) AS asked, CAST(0 AS BIGINT) AS is_new,
           CAST(NULL AS TEXT) AS replaces
    WHERE FALSE;

CREATE FUNCTION open_turn() RETURNS trigger LANGUAGE plpgsql AS $$
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
    PERFORM note_receipt(NEW.key, NEW.thread_id, NEW.attempt, NEW.body, NEW.asked, NEW.is_new,
                         NEW.replaces);
    UPDATE threads SET newest_attempt = NEW.attempt WHERE id = NEW.thread_id;
    RETURN NEW;
END $$;

CREATE TRIGGER open_turn INSTEAD OF INSERT ON openings
    FOR EACH ROW EXECUTE FUNCTION open_turn();

-- A turn ends in one statement: the last entry, what became of the request, what the thread cost.
CREATE VIEW endings AS
    SELECT CAST(NULL AS TEXT) AS thread_id, CAST(0 AS BIGINT) AS input_tokens,
           CAST(0 AS BIGINT) AS cached_tokens, CAST(0 AS BIGINT) AS output_tokens,
           CAST(0 AS BIGINT) AS thinking_tokens, CAST(0 AS BIGINT) AS cost_nanos,
           CAST(0 AS BIGINT) AS unpriced_calls,
           CAST(NULL AS TEXT) AS id, CAST(NULL AS TEXT) AS root, CAST(NULL AS TEXT) AS item,
           CAST(NULL AS TEXT) AS message,
           CAST(NULL AS TEXT) AS key, CAST(NULL AS TEXT) AS attempt,
           CAST(NULL AS TEXT) AS outcome, CAST(0 AS BIGINT) AS is_final,
           CAST(NULL AS TEXT) AS told, CAST(NULL AS TEXT) AS spend
    WHERE FALSE;

CREATE FUNCTION end_turn() RETURNS trigger LANGUAGE plpgsql AS $$
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
    RETURN NEW;
END $$;

CREATE TRIGGER end_turn INSTEAD OF INSERT ON endings
    FOR EACH ROW EXECUTE FUNCTION end_turn();
