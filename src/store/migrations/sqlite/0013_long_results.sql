-- Long results of tools, one row for each page (ADR 48). Deleted with their thread, when others need
-- the room, and after a day.
CREATE TABLE result_pages (
    resource TEXT   NOT NULL REFERENCES leases (resource) ON DELETE CASCADE,
    result   TEXT   NOT NULL,
    page     BIGINT NOT NULL,
    -- Of the whole result: its pages, its bytes, whose words it is, when it was kept.
    pages    BIGINT NOT NULL,
    bytes    BIGINT NOT NULL,
    server   TEXT,
    tool     TEXT,
    kept_at  BIGINT NOT NULL,
    text     TEXT   NOT NULL,
    PRIMARY KEY (resource, result, page)
);

-- One row for each result.
CREATE INDEX results_by_time ON result_pages (kept_at) WHERE page = 1;
