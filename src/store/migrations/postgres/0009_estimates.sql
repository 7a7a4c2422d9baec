-- What requests may have cost whose provider has not told (ADR 30). Limits count it; it is no part of
-- what is known.
ALTER TABLE usage ADD COLUMN estimated_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN estimated_nanos BIGINT NOT NULL DEFAULT 0;

-- Adds a turn to what its owner has used, unless that was done: an end may be written twice. Bills of
-- an earlier release have no estimates.
CREATE OR REPLACE FUNCTION charge(the_turn TEXT, the_thread TEXT, the_owner TEXT, bill TEXT)
RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage AS u (owner, day, model, part, turns, requests, input_tokens, cached_tokens,
        output_tokens, thinking_tokens, cost_nanos, unpriced_calls, estimated_tokens,
        estimated_nanos)
    SELECT the_owner, (SELECT ms FROM clock) / 86400000, b.value ->> 'model',
           hashtext(the_thread) & 7,
           CAST(b.value ->> 'turns' AS BIGINT),
           CAST(b.value ->> 'requests' AS BIGINT),
           CAST(b.value ->> 'input_tokens' AS BIGINT),
           CAST(b.value ->> 'cached_tokens' AS BIGINT),
           CAST(b.value ->> 'output_tokens' AS BIGINT),
           CAST(b.value ->> 'thinking_tokens' AS BIGINT),
           CAST(b.value ->> 'cost_nanos' AS BIGINT),
           CAST(b.value ->> 'unpriced_calls' AS BIGINT),
           COALESCE(CAST(b.value ->> 'estimated_tokens' AS BIGINT), 0),
           COALESCE(CAST(b.value ->> 'estimated_nanos' AS BIGINT), 0)
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
        unpriced_calls = u.unpriced_calls + excluded.unpriced_calls,
        estimated_tokens = u.estimated_tokens + excluded.estimated_tokens,
        estimated_nanos = u.estimated_nanos + excluded.estimated_nanos;
    UPDATE counted_turns SET until = 0 WHERE turn = the_turn;
END $$;

-- What an owner has used. The oldest is that turn of the minute whose end makes room under the limit.
CREATE OR REPLACE FUNCTION used_by(the_owner TEXT, per_minute BIGINT)
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
    SELECT COALESCE(SUM(u.input_tokens + u.output_tokens + u.thinking_tokens + u.estimated_tokens), 0),
           COALESCE(SUM(u.cost_nanos + u.estimated_nanos), 0) INTO tokens, cost_nanos
    FROM usage AS u WHERE u.owner = the_owner AND u.day = now / 86400000;
    RETURN NEXT;
END $$;
