-- Tokens for tool servers, sealed with a key that is not in this database (ADR 42).
CREATE TABLE sealed_tokens (
    -- Its name, and a digest of its URL.
    server        TEXT   NOT NULL,
    -- The operator, or a caller.
    holder        TEXT   NOT NULL,
    sealed        TEXT   NOT NULL,
    -- Who renews it, and until when at the latest, in milliseconds of the database's clock.
    renewer       TEXT   NOT NULL DEFAULT '',
    renewed_until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (server, holder)
);
