-- A turn ends in one statement: the last entry, what became of the request, what the thread cost.

CREATE VIEW endings AS
    SELECT NULL AS thread_id, 0 AS input_tokens, 0 AS cached_tokens, 0 AS output_tokens,
           0 AS thinking_tokens, 0 AS cost_nanos, 0 AS unpriced_calls,
           NULL AS id, NULL AS turn, NULL AS item, NULL AS message,
           NULL AS key, NULL AS request, NULL AS receipt
    WHERE FALSE;

CREATE TRIGGER end_turn INSTEAD OF INSERT ON endings
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
END;

-- A day is as long as a client may take to ask again.
CREATE TRIGGER forget_receipts BEFORE INSERT ON receipts
BEGIN
    DELETE FROM receipts WHERE received_at < (SELECT ms FROM clock) - 86400000;
END;
