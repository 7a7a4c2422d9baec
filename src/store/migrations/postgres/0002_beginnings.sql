-- A thread begins with its first entry, in one statement: one trip and no transaction of ours.

CREATE VIEW beginnings AS
    SELECT t.id AS thread_id, t.title, t.status, t.created_at, e.id, e.turn, e.item, e.message
    FROM threads AS t JOIN entries AS e ON e.thread_id = t.id AND e.seq = 1;

CREATE FUNCTION begin_thread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO threads (id, title, status, created_at)
    VALUES (NEW.thread_id, NEW.title, NEW.status, NEW.created_at)
    ON CONFLICT (id) DO NOTHING;
    INSERT INTO entries (thread_id, seq, id, turn, item, message)
    VALUES (NEW.thread_id, 1, NEW.id, NEW.turn, NEW.item, NEW.message)
    ON CONFLICT (thread_id, seq) DO NOTHING;
    RETURN NEW;
END $$;

CREATE TRIGGER begin_thread INSTEAD OF INSERT ON beginnings
    FOR EACH ROW EXECUTE FUNCTION begin_thread();
