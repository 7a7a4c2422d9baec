-- What requests may have cost whose provider has not told (ADR 30). Limits count it; it is no part of
-- what is known.
ALTER TABLE usage ADD COLUMN estimated_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN estimated_nanos BIGINT NOT NULL DEFAULT 0;

DROP TRIGGER charge;

-- Adds a turn to what its owner has used, unless that was done: an end may be written twice. Bills of
-- an earlier release have no estimates.
CREATE TRIGGER charge INSTEAD OF INSERT ON charges
BEGIN
    INSERT INTO usage (owner, day, model, part, turns, requests, input_tokens, cached_tokens,
        output_tokens, thinking_tokens, cost_nanos, unpriced_calls, estimated_tokens,
        estimated_nanos)
    SELECT NEW.owner, (SELECT ms FROM clock) / 86400000, b.value ->> 'model', 0,
           b.value ->> 'turns',
           b.value ->> 'requests',
           b.value ->> 'input_tokens',
           b.value ->> 'cached_tokens',
           b.value ->> 'output_tokens',
           b.value ->> 'thinking_tokens',
           b.value ->> 'cost_nanos',
           b.value ->> 'unpriced_calls',
           COALESCE(b.value ->> 'estimated_tokens', 0),
           COALESCE(b.value ->> 'estimated_nanos', 0)
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
        unpriced_calls = unpriced_calls + excluded.unpriced_calls,
        estimated_tokens = estimated_tokens + excluded.estimated_tokens,
        estimated_nanos = estimated_nanos + excluded.estimated_nanos;
    UPDATE counted_turns SET until = 0 WHERE turn = NEW.turn;
END;
