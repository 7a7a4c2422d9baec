-- What a thread has cost so far; those that are there already begin at nothing.

ALTER TABLE threads ADD COLUMN input_tokens    BIGINT NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN cached_tokens   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN output_tokens   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN thinking_tokens BIGINT NOT NULL DEFAULT 0;
-- Billionths of a US dollar, of the calls whose price was known.
ALTER TABLE threads ADD COLUMN cost_nanos      BIGINT NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN unpriced_calls  BIGINT NOT NULL DEFAULT 0;
