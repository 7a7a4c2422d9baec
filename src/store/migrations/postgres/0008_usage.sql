-- What each owner has used, by day and model, and the turns of those who have limits (ADR 30).

-- The last turn of the thread that was added to `usage`. None in threads from before: theirs is not
-- known.
ALTER TABLE threads ADD COLUMN charged TEXT;
-- A new thread has charged nothing yet.
ALTER TABLE threads ALTER COLUMN charged SET DEFAULT '';

CREATE TABLE usage (
    owner           TEXT   NOT NULL,
    -- Days since 1970-01-01, in UTC.
    day             BIGINT NOT NULL,
    -- Empty for a turn that asked none, and for one whose model is not known.
    model           TEXT   NOT NULL,
    -- An owner's turns end in parallel: on one row each would wait for the commit of the one before.
    part            BIGINT NOT NULL,
    -- Those whose last request was to this model.
    turns           BIGINT NOT NULL,
    requests        BIGINT NOT NULL,
    input_tokens    BIGINT NOT NULL,
    cached_tokens   BIGINT NOT NULL,
    output_tokens   BIGINT NOT NULL,
    thinking_tokens BIGINT NOT NULL,
    -- Billionths of a US dollar, of the requests whose price was known.
    cost_nanos      BIGINT NOT NULL,
    unpriced_calls  BIGINT NOT NULL,
    PRIMARY KEY (owner, day, model, part)
);
CREATE INDEX usage_by_day ON usage (day);

-- What was not written with the end of its turn: by itself later, or by whoever came next in the
-- thread. Titles too: the thread may have a newer turn by then. Each is added once.
CREATE TABLE late_charges (
    turn      TEXT   NOT NULL PRIMARY KEY,
    thread_id TEXT   NOT NULL,
    owner     TEXT   NOT NULL,
    -- JSON: for each model what it adds to the columns of `usage`.
    bill      TEXT   NOT NULL,
    at        BIGINT NOT NULL
);

-- Turns of owners with a limit of turns, as long as they count.
CREATE TABLE counted_turns (
    turn      TEXT   NOT NULL PRIMARY KEY,
    owner     TEXT   NOT NULL,
    -- The thread, whose lease shows that the turn runs.
    resource  TEXT   NOT NULL,
    begun_at  BIGINT NOT NULL,
    -- When it is over at the latest; 0 once it is.
    until     BIGINT NOT NULL
);
CREATE INDEX counted_turns_by_owner ON counted_turns (owner, begun_at);
-- For what is deleted by its age.
CREATE INDEX counted_turns_by_time ON counted_turns (begun_at);
CREATE INDEX late_charges_by_time ON late_charges (at);

-- Whether each of them counts. A time more than a minute ahead was written before the clock was set
-- back. A turn without a lease is about to take one, for as long as a lease lasts (12 s); after that
-- its process has died.
CREATE VIEW counting_turns AS
    SELECT t.turn, t.owner, t.begun_at,
           CASE WHEN t.begun_at > c.ms - 60000 THEN 1 ELSE 0 END AS is_of_minute,
           CASE WHEN t.until > c.ms AND (t.begun_at > c.ms - 12000 OR EXISTS (
                    SELECT 1 FROM leases AS l WHERE l.resource = t.resource AND l.held_until > c.ms))
                THEN 1 ELSE 0 END AS is_running
    FROM counted_turns AS t CROSS JOIN clock AS c
    WHERE t.begun_at <= c.ms + 60000;

-- Adds a turn to what its owner has used, unless that was done: an end may be written twice.
CREATE FUNCTION charge(the_turn TEXT, the_thread TEXT, the_owner TEXT, bill TEXT) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage AS u (owner, day, model, part, turns, requests, input_tokens, cached_tokens,
        output_tokens, thinking_tokens, cost_nanos, unpriced_calls)
    SELECT the_owner, (SELECT ms FROM clock) / 86400000, b.value ->> 'model',
           hashtext(the_thread) & 7,
           CAST(b.value ->> 'turns' AS BIGINT),
           CAST(b.value ->> 'requests' AS BIGINT),
           CAST(b.value ->> 'input_tokens' AS BIGINT),
           CAST(b.value ->> 'cached_tokens' AS BIGINT),
           CAST(b.value ->> 'output_tokens' AS BIGINT),
           CAST(b.value ->> 'thinking_tokens' AS BIGINT),
           CAST(b.value ->> 'cost_nanos' AS BIGINT),
           CAST(b.value ->> 'unpriced_calls' AS BIGINT)
    FROM json_array_elements(CAST(bill AS JSON)) AS b (value)
    WHERE NOT EXISTS (SELECT 1 FROM threads AS t WHERE t.id = the_thread AND t.charged = the_turn)
    -- Always in this order: two turns that add to the same rows must not wait for each other.
    ORDER BY b.value ->> 'model'
    ON CONFLICT (owner, day, model, part) DO UPDATE SET
        turns = u.turns + excluded.turns,
        requests = u.requests + excluded.requests,
        input_tokens = u.input_tokens + excluded.input_tokens,
        cached_tokens = u.cached_tokens + excluded.cached_tokens,
        output_tokens = u.output_tokens + excluded.output_tokens,
        thinking_tokens = u.thinking_tokens + excluded.thinking_tokens,
        cost_nanos = u.cost_nanos + excluded.cost_nanos,
        unpriced_calls = u.unpriced_calls + excluded.unpriced_calls;
    UPDATE counted_turns SET until = 0 WHERE turn = the_turn;
END $$;

CREATE FUNCTION charge_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM charge(NEW.turn, NEW.thread_id, NEW.owner, NEW.bill);
    UPDATE threads SET charged = NEW.turn WHERE id = NEW.thread_id AND newest_attempt = NEW.turn;
    RETURN NEW;
END $$;

CREATE TRIGGER charge_late AFTER INSERT ON late_charges
    FOR EACH ROW EXECUTE FUNCTION charge_late();

-- With the first turn of an owner on a day: what is older than 92 days, and what counts no more.
-- Rows that another one deletes are left to it.
CREATE FUNCTION forget_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM usage WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage WHERE day < NEW.day - 92 LIMIT 1000 FOR UPDATE SKIP LOCKED));
    DELETE FROM late_charges WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM late_charges WHERE at < (SELECT ms FROM clock) - 86400000
        LIMIT 1000 FOR UPDATE SKIP LOCKED));
    DELETE FROM counted_turns WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM counted_turns
        WHERE begun_at < (SELECT ms FROM clock) - 60000 AND until < (SELECT ms FROM clock)
        LIMIT 1000 FOR UPDATE SKIP LOCKED));
    RETURN NULL;
END $$;

CREATE TRIGGER forget_usage AFTER INSERT ON usage
    FOR EACH ROW EXECUTE FUNCTION forget_usage();

-- What an owner has used. The oldest is that turn of the minute whose end makes room under the limit.
CREATE FUNCTION used_by(the_owner TEXT, per_minute BIGINT)
RETURNS TABLE (now BIGINT, of_minute BIGINT, oldest BIGINT, running BIGINT, tokens BIGINT,
               cost_nanos BIGINT)
LANGUAGE plpgsql AS $$
BEGIN
    now := (SELECT c.ms FROM clock AS c);
    SELECT COALESCE(SUM(t.is_of_minute), 0), COALESCE(SUM(t.is_running), 0) INTO of_minute, running
    FROM counting_turns AS t WHERE t.owner = the_owner;
    SELECT MIN(m.begun_at) INTO oldest FROM (
        SELECT t.begun_at FROM counting_turns AS t
        WHERE t.owner = the_owner AND t.is_of_minute = 1
        ORDER BY t.begun_at DESC LIMIT COALESCE(per_minute, 1)) AS m;
    SELECT COALESCE(SUM(u.input_tokens + u.output_tokens + u.thinking_tokens), 0),
           COALESCE(SUM(u.cost_nanos), 0) INTO tokens, cost_nanos
    FROM usage AS u WHERE u.owner = the_owner AND u.day = now / 86400000;
    RETURN NEXT;
END $$;

-- Counts a turn unless a limit is reached; a limit may be NULL. The lock makes turns of one owner
-- wait for each other, on all replicas; each statement below sees what was committed before it.
CREATE FUNCTION count_turn(the_turn TEXT, the_owner TEXT, the_resource TEXT, longest BIGINT,
    per_minute BIGINT, at_once BIGINT, most_tokens BIGINT, most_nanos BIGINT)
RETURNS TABLE (now BIGINT, of_minute BIGINT, oldest BIGINT, running BIGINT, tokens BIGINT,
               cost_nanos BIGINT, is_within BIGINT)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(the_owner, 30));
    SELECT u.now, u.of_minute, u.oldest, u.running, u.tokens, u.cost_nanos
    INTO now, of_minute, oldest, running, tokens, cost_nanos
    FROM used_by(the_owner, per_minute) AS u;
    is_within := 1;
    -- Not for an earlier attempt whose answer was lost.
    IF NOT EXISTS (SELECT 1 FROM counted_turns AS t WHERE t.turn = the_turn) THEN
        IF of_minute >= per_minute OR running >= at_once OR tokens >= most_tokens
            OR cost_nanos >= most_nanos THEN
            is_within := 0;
        ELSE
            DELETE FROM counted_turns AS t WHERE t.owner = the_owner
                AND (t.begun_at < now - 60000 AND t.until < now OR t.begun_at > now + 60000);
            INSERT INTO counted_turns (turn, owner, resource, begun_at, until)
            VALUES (the_turn, the_owner, the_resource, now, now + longest);
            of_minute := of_minute + 1;
            running := running + 1;
            oldest := COALESCE(oldest, now);
        END IF;
    END IF;
    RETURN NEXT;
END $$;

-- A turn that was not charged when the next one begins in its thread has lost its process: what it
-- cost is not known.
CREATE OR REPLACE FUNCTION open_turn() RETURNS trigger LANGUAGE plpgsql AS $$
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
    INSERT INTO late_charges (turn, thread_id, owner, bill, at)
    SELECT t.newest_attempt, t.id, t.owner,
           '[{"model": "", "turns": 1, "requests": 1, "input_tokens": 0, "cached_tokens": 0, '
           || '"output_tokens": 0, "thinking_tokens": 0, "cost_nanos": 0, "unpriced_calls": 1}]',
           (SELECT ms FROM clock)
    FROM threads AS t
    WHERE t.id = NEW.thread_id AND t.newest_attempt NOT IN ('', NEW.attempt)
    AND t.charged <> t.newest_attempt
    ON CONFLICT (turn) DO NOTHING;
    UPDATE threads SET newest_attempt = NEW.attempt WHERE id = NEW.thread_id;
    RETURN NEW;
END $$;

DROP TRIGGER end_turn ON endings;
DROP VIEW endings;
DROP FUNCTION end_turn;

-- A turn ends in one statement: the last entry, what became of the request, what the thread cost,
-- and what its owner has used.
CREATE VIEW endings AS
    SELECT CAST(NULL AS TEXT) AS thread_id, CAST(0 AS BIGINT) AS input_tokens,
           CAST(0 AS BIGINT) AS cached_tokens, CAST(0 AS BIGINT) AS output_tokens,
           CAST(0 AS BIGINT) AS thinking_tokens, CAST(0 AS BIGINT) AS cost_nanos,
           CAST(0 AS BIGINT) AS unpriced_calls,
           CAST(NULL AS TEXT) AS id, CAST(NULL AS TEXT) AS root, CAST(NULL AS TEXT) AS item,
           CAST(NULL AS TEXT) AS message,
           CAST(NULL AS TEXT) AS key, CAST(NULL AS TEXT) AS attempt,
           CAST(NULL AS TEXT) AS outcome, CAST(0 AS BIGINT) AS is_final,
           CAST(NULL AS TEXT) AS told, CAST(NULL AS TEXT) AS spend,
           CAST(NULL AS TEXT) AS turn, CAST(NULL AS TEXT) AS bill
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

    PERFORM charge(NEW.turn, t.id, t.owner, NEW.bill) FROM threads AS t
    WHERE t.id = NEW.thread_id AND t.newest_attempt = NEW.turn;
    INSERT INTO late_charges (turn, thread_id, owner, bill, at)
    SELECT NEW.turn, t.id, t.owner, NEW.bill, (SELECT ms FROM clock) FROM threads AS t
    WHERE t.id = NEW.thread_id AND t.newest_attempt <> NEW.turn
    ON CONFLICT (turn) DO NOTHING;

    UPDATE threads
    SET input_tokens = NEW.input_tokens, cached_tokens = NEW.cached_tokens,
        output_tokens = NEW.output_tokens, thinking_tokens = NEW.thinking_tokens,
        cost_nanos = NEW.cost_nanos, unpriced_calls = NEW.unpriced_calls,
        charged = CASE WHEN newest_attempt = NEW.turn THEN NEW.turn ELSE charged END
    WHERE id = NEW.thread_id;
    RETURN NEW;
END $$;

CREATE TRIGGER end_turn INSTEAD OF INSERT ON endings
    FOR EACH ROW EXECUTE FUNCTION end_turn();
