-- What was changed, so that it can be undone, and a trash for deleted todos.

-- In the trash since then.
ALTER TABLE todos ADD COLUMN deleted_at BIGINT;

-- One row for each owner. Updating it puts the owner's changes in order.
CREATE TABLE todo_owners (
    owner       TEXT   NOT NULL PRIMARY KEY,
    last_change BIGINT NOT NULL
);

CREATE TABLE todo_changes (
    owner   TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    todo_id TEXT   NOT NULL,
    what    TEXT   NOT NULL,
    -- The title after it.
    title   TEXT   NOT NULL,
    -- The todo before it; JSON. A new todo comes out of the trash.
    before  TEXT   NOT NULL,
    made_at BIGINT NOT NULL,
    -- The change that it undoes, or 0.
    undoes  BIGINT NOT NULL DEFAULT 0,
    -- The change that undid it, or 0.
    undone  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (owner, number, todo_id)
);

CREATE INDEX todo_changes_by_todo ON todo_changes (owner, todo_id, number);
CREATE INDEX todo_changes_by_time ON todo_changes (made_at);
