-- The tools that a person approved for a conversation, as a JSON list of fingerprints; none at first.
ALTER TABLE threads ADD COLUMN granted TEXT;
