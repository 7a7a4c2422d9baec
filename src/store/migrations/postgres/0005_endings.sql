-- A turn ends in one statement: the last entry, what became of the request, what the thread cost.

CREATE VIEW endings AS
    SELECT CAST(NULL AS TEXT) AS thread_id, CAST(0 AS BIGINT) AS input_tokens,
           CAST(0 AS BIGINT) AS cached_tokens, CAST(0 AS BIGINT) AS output_tokens,
           CAST(0 AS BIGINT) AS thinking_tokens, CAST(0 AS BIGINT) AS cost_nanos,
           CAST(0 AS BIGINT) AS unpriced_calls,
           CAST(NULL AS TEXT) AS id, CAST(NULL AS TEXT) AS turn, CAST(NULL AS TEXT) AS item,
           CAST(NULL AS TEXT) AS message,
           CAST(NULL AS TEXT) AS key, CAST(NULL AS TEXT) AS request, CAST(NULL AS TEXT) AS receipt
    WHERE FALSE;

CREATE FUNCTION end_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entries (thread_id, seq, id, turn, item, message)
    SELECT NEW.thread_id,
           (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM entries AS e WHERE e.thread_id = NEW.thread_id),
           NEW.id, NEW.turn, NEW.item, NEW.message
    WHERE NEW.id IS NOT NULL
    ON CONFLICT (thread_id, id) DO UPDATE
    SET item = excluded.item, message = COALESCE(excluded.message, entries.message);

    UPDATE receipts SET receipt = NEW.receipt WHERE key = NEW.key AND turn = NEW.request;

    UPDATE threads
    SET held_until = 0, input_tokens = NEW.input_tokens, cached_tokens = NEW.cached_tokens,
        output_tokens = NEW.output_tokens, thinking_tokens = NEW.thinking_tokens,
        cost_nanos = NEW.cost_nanos, unpriced_calls = NEW.unpriced_calls
    WHERE id = NEW.thread_id;
    RETURN NEW;
END $$;

CREATE TRIGGER end_turn INSTEAD OF INSERT ON endings
    FOR EACH ROW EXECUTE FUNCTION end_turn();

-- A day is as long as a client may take to ask again.
CREATE FUNCTION forget_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM receipts WHERE received_at < (SELECT ms FROM clock) - 86400000;
    RETURN NEW;
END $$;

CREATE TRIGGER forget_receipts BEFORE INSERT ON receipts
    FOR EACH ROW EXECUTE FUNCTION forget_receipts();
