-- How each tool was defined when it was first seen, or approved (ADR 40). A pin is never deleted: a tool
-- that comes back is the one that is known.
CREATE TABLE tool_pins (
    server      TEXT NOT NULL,
    tool        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    definition  TEXT NOT NULL,
    PRIMARY KEY (server, tool)
);
