-- What each owner has used, by day and model, and the turns of those who have limits (ADR 30).

-- The last turn of the thread that was added to `usage`. None in threads from before: theirs is not
-- known.
ALTER TABLE threads ADD COLUMN charged TEXT;

CREATE TABLE usage (
    owner           TEXT   NOT NULL,
    -- Days since 1970-01-01, in UTC.
    day             BIGINT NOT NULL,
    -- Empty for a turn that asked none, and for one whose model is not known.
    model           TEXT   NOT NULL,
    -- Always 0 here; see the migration of PostgreSQL.
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
) WITHOUT ROWID;
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
) WITHOUT ROWID;

-- Turns of owners with a limit of turns, as long as they count.
CREATE TABLE counted_turns (
    turn      TEXT   NOT NULL PRIMARY KEY,
    owner     TEXT   NOT NULL,
    -- The thread, whose lease shows that the turn runs.
    resource  TEXT   NOT NULL,
    begun_at  BIGINT NOT NULL,
    -- When it is over at the latest; 0 once it is.
    until     BIGINT NOT NULL
) WITHOUT ROWID;
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
CREATE VIEW charges AS
    SELECT NULL AS turn, NULL AS thread_id, NULL AS owner, NULL AS bill WHERE FALSE;

CREATE TRIGGER charge INSTEAD OF INSERT ON charges
BEGIN
    INSERT INTO usage (owner, day, model, part, turns, requests, input_tokens, cached_tokens,
        output_tokens, thinking_tokens, cost_nanos, unpriced_calls)
    SELECT NEW.owner, (SELECT ms FROM clock) / 86400000, b.value ->> 'model', 0,
           b.value ->> 'turns',
           b.value ->> 'requests',
           b.value ->> 'input_tokens',
           b.value ->> 'cached_tokens',
           b.value ->> 'output_tokens',
           b.value ->> 'thinking_tokens',
           b.value ->> 'cost_nanos',
           b.value ->> 'unpriced_calls'
    FROM json_each(NEW.bill) AS b
    WHERE NOT EXISTS (
        SELECT 1 FROM threads AS t WHERE t.id = NEW.thread_id AND t.charged = NEW.turn)
    ON CONFLICT (owner, day, model, part) DO UPDATE SET
        turns = turns + excluded.turns,
        requests = requests + excluded.requests,
        input_tokens = input_tokens + excluded.input_tokens,
        cached_tokens = cached_tokens + excluded.cached_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        thinking_tokens = thinking_tokens + excluded.thinking_tokens,
        cost_nanos = cost_nanos + excluded.cost_nanos,
        unpriced_calls = unpriced_calls + excluded.unpriced_calls;
    UPDATE counted_turns SET until = 0 WHERE turn = NEW.turn;
END;

CREATE TRIGGER charge_late AFTER INSERT ON late_charges
BEGIN
    INSERT INTO charges (turn, thread_id, owner, bill)
    VALUES (NEW.turn, NEW.thread_id, NEW.owner, NEW.bill);
    UPDATE threads SET charged = NEW.turn WHERE id = NEW.thread_id AND newest_attempt = NEW.turn;
END;

-- With the first turn of an owner on a day: what is older than 92 days, and what counts no more.
CREATE TRIGGER forget_usage AFTER INSERT ON usage
BEGIN
    DELETE FROM usage WHERE day < NEW.day - 92;
    DELETE FROM late_charges WHERE at < (SELECT ms FROM clock) - 86400000;
    DELETE FROM counted_turns
    WHERE begun_at < (SELECT ms FROM clock) - 60000 AND until < (SELECT ms FROM clock);
END;

DROP TRIGGER begin_thread;

-- A new thread has charged nothing yet.
CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
BEGIN
    INSERT INTO leases (resource, owner, epoch, held_until, claim)
    VALUES (NEW.thread_id, COALESCE(NEW.owner, 'anyone'), 1, (SELECT ms FROM clock) + NEW.held_for, NEW.attempt)
    ON CONFLICT (resource) DO NOTHING;
    INSERT INTO threads (id, owner, title, status, created_at, newest_attempt, charged)
    VALUES (NEW.thread_id, COALESCE(NEW.owner, 'anyone'), NEW.title, NEW.status, NEW.created_at, NEW.attempt,
            '')
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

DROP TRIGGER open_turn;

-- A turn that was not charged when the next one begins in its thread has lost its process: what it
-- cost is not known.
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
END;

DROP TRIGGER end_turn;
DROP VIEW endings;

-- A turn ends in one statement: the last entry, what became of the request, what the thread cost,
-- and what its owner has used.
CREATE VIEW endings AS
    SELECT NULL AS thread_id, 0 AS input_tokens, 0 AS cached_tokens, 0 AS output_tokens,
           0 AS thinking_tokens, 0 AS cost_nanos, 0 AS unpriced_calls,
           NULL AS id, NULL AS root, NULL AS item, NULL AS message,
           NULL AS key, NULL AS attempt, NULL AS outcome, 0 AS is_final, NULL AS told,
           NULL AS spend, NULL AS turn, NULL AS bill
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

    INSERT INTO charges (turn, thread_id, owner, bill)
    SELECT NEW.turn, t.id, t.owner, NEW.bill FROM threads AS t
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
END;
