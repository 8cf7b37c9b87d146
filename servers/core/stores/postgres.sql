-- The tables of the PostgreSQL store, and every change of them: each function is one statement, so one transaction.
-- Whatever changes a room takes the lock of its row in `rooms` first and keeps it until the commit: so the order of the
-- commits is the order of the sequence numbers, and who reads beyond a cursor misses nothing. Locks are taken in one
-- order (room, then name), so that nobody waits in a circle.

CREATE SCHEMA IF NOT EXISTS chat;
SET LOCAL search_path = chat;

CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS rooms (room text PRIMARY KEY, head bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS events (
    room text, seq bigint, kind text NOT NULL, sender text NOT NULL, name text NOT NULL,
    body bytea NOT NULL, -- UTF-8; a text may hold anything but the character 0, and messages may hold that too
    at_ms bigint NOT NULL, client_id text NOT NULL, expires_at_ms bigint,
    PRIMARY KEY (room, seq)
);
CREATE INDEX IF NOT EXISTS by_kind ON events (room, kind, seq);
CREATE TABLE IF NOT EXISTS members (
    room text, user_id text, name text NOT NULL, online boolean NOT NULL, last_seen_ms bigint NOT NULL,
    read_up_to bigint NOT NULL DEFAULT 0, PRIMARY KEY (room, user_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS once ON events (room, sender, client_id)
    WHERE kind = 'message' AND client_id <> '';
CREATE INDEX IF NOT EXISTS online ON members (room, user_id) WHERE online;
CREATE INDEX IF NOT EXISTS users_online ON members (user_id) WHERE online;
CREATE INDEX IF NOT EXISTS members_seen ON members (room, online, last_seen_ms);
CREATE TABLE IF NOT EXISTS connections (
    room text, user_id text, connection text, seen_ms bigint NOT NULL, expires_at_ms bigint NOT NULL,
    holder text NOT NULL DEFAULT '', PRIMARY KEY (room, user_id, connection)
);
CREATE INDEX IF NOT EXISTS connections_expire ON connections (expires_at_ms);
CREATE TABLE IF NOT EXISTS names (name text PRIMARY KEY, user_id text NOT NULL, until_ms bigint NOT NULL);
CREATE INDEX IF NOT EXISTS names_expire ON names (until_ms);

CREATE OR REPLACE FUNCTION lock_room(its_room text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM rooms WHERE room = its_room FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO rooms (room) VALUES (its_room) ON CONFLICT DO NOTHING;
        PERFORM FROM rooms WHERE room = its_room FOR UPDATE;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION timeline() RETURNS text LANGUAGE sql AS $$
    SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
$$;

-- A standby that was promoted, or a backup restored to an earlier time, may lack the end of the log, and its numbers
-- would be given twice. Nobody knows what was lost, so the log gets a new epoch before anything is added to it.
CREATE OR REPLACE FUNCTION notice_promotion() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta SET value = timeline() WHERE key = 'timeline' AND value <> timeline();
    IF FOUND THEN
        UPDATE meta SET value = left(gen_random_uuid()::text, 8) WHERE key = 'epoch';
    END IF;
END $$;

-- The present epoch: in a statement that may have changed it, a plain subquery would return the earlier one.
CREATE OR REPLACE FUNCTION its_epoch() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT value FROM meta WHERE key = 'epoch'
$$;

-- Add one event; a repeated client_id returns the first one instead.
CREATE OR REPLACE FUNCTION append(
    its_room text, its_kind text, its_sender text, its_name text, its_body bytea, its_at_ms bigint,
    its_client_id text, its_expires_at_ms bigint
) RETURNS SETOF events LANGUAGE plpgsql AS $$
DECLARE next bigint;
BEGIN
    PERFORM lock_room(its_room);
    IF its_client_id <> '' THEN
        RETURN QUERY SELECT * FROM events WHERE room = its_room AND sender = its_sender AND client_id = its_client_id
            AND kind = 'message' AND client_id <> ''; -- so the index is used
        IF FOUND THEN RETURN; END IF;
    END IF;
    PERFORM notice_promotion();
    UPDATE rooms SET head = head + 1 WHERE room = its_room RETURNING head INTO next;
    RETURN QUERY INSERT INTO events VALUES (
        its_room, next, its_kind, its_sender, its_name, its_body, its_at_ms, its_client_id, its_expires_at_ms
    ) RETURNING *;
END $$;

-- Add a receipt, unless its sender had read so far already.
CREATE OR REPLACE FUNCTION mark_read(its_room text, its_user text, its_name text, up_to bigint, its_at_ms bigint)
RETURNS SETOF events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_room(its_room);
    UPDATE members SET read_up_to = up_to WHERE room = its_room AND user_id = its_user AND read_up_to < up_to;
    IF FOUND THEN
        RETURN QUERY SELECT * FROM append(
            its_room, 'receipt', its_user, its_name, convert_to(up_to::text, 'UTF8'), its_at_ms, '', NULL);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION append_presence(its_room text, its_user text, its_name text, body text, at_ms bigint)
RETURNS SETOF events LANGUAGE sql AS $$
    SELECT * FROM append(its_room, 'presence', its_user, its_name, convert_to(body, 'UTF8'), at_ms, '', NULL)
$$;

-- Reserve a name; false if another user's claim still runs.
CREATE OR REPLACE FUNCTION claim(its_name text, its_user text, now_ms bigint, its_until_ms bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO names VALUES (its_name, its_user, its_until_ms)
    ON CONFLICT (name) DO UPDATE SET user_id = its_user, until_ms = its_until_ms
    WHERE names.user_id = its_user OR names.until_ms <= now_ms;
    RETURN FOUND;
END $$;

-- A lease goes through all these in the order of its fields: room, user, name, connection, seen, expires, holder.
-- Then come the name as claimed and the limits; a known connection is not counted again.
CREATE OR REPLACE FUNCTION renew(
    its_room text, its_user text, its_name text, its_connection text, its_seen_ms bigint, its_expires_at_ms bigint,
    its_holder text
) RETURNS SETOF events LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO connections VALUES (its_room, its_user, its_connection, its_seen_ms, its_expires_at_ms, its_holder)
    ON CONFLICT (room, user_id, connection) DO UPDATE SET
        seen_ms = greatest(connections.seen_ms, its_seen_ms),
        expires_at_ms = its_expires_at_ms,
        holder = CASE its_holder WHEN '' THEN connections.holder ELSE its_holder END;
    INSERT INTO members (room, user_id, name, online, last_seen_ms)
    VALUES (its_room, its_user, its_name, true, its_seen_ms)
    ON CONFLICT (room, user_id) DO UPDATE SET online = true, last_seen_ms = its_seen_ms WHERE NOT members.online;
    IF FOUND THEN
        RETURN QUERY SELECT * FROM append_presence(its_room, its_user, its_name, 'online', its_seen_ms);
    END IF;
END $$;

-- How many rooms have somebody online: from each to the next by the index, however many people are in it.
CREATE OR REPLACE FUNCTION rooms_in_use() RETURNS bigint LANGUAGE sql AS $$
    WITH RECURSIVE used (room) AS (
        SELECT min(room) FROM members WHERE online
        UNION ALL
        SELECT (SELECT min(room) FROM members WHERE online AND room > used.room) FROM used WHERE used.room IS NOT NULL)
    SELECT count(room) FROM used
$$;

-- Refuse a user who would come online in one room too many. Two rooms at once are counted one after the other.
CREATE OR REPLACE FUNCTION check_rooms(its_room text, its_user text, rooms_max int, user_rooms_max int)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM members WHERE room = its_room AND user_id = its_user AND online) THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('chat.rooms'), hashtext(its_user));
    IF (SELECT count(*) FROM members WHERE user_id = its_user AND online) >= user_rooms_max THEN
        RAISE EXCEPTION USING ERRCODE = 'UROOM';
    END IF;
    IF NOT EXISTS (SELECT FROM members WHERE room = its_room AND online) THEN
        PERFORM pg_advisory_xact_lock(hashtext('chat.rooms'));
        IF rooms_in_use() >= rooms_max THEN RAISE EXCEPTION USING ERRCODE = 'ROOMS'; END IF;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION join_room(
    its_room text, its_user text, its_name text, its_connection text, its_seen_ms bigint, its_expires_at_ms bigint,
    its_holder text, its_claim text, connections_max int, rooms_max int, user_rooms_max int
) RETURNS SETOF events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_room(its_room);
    IF (SELECT count(*) FROM connections
        WHERE room = its_room AND user_id = its_user AND connection <> its_connection AND expires_at_ms > its_seen_ms
    ) >= connections_max THEN
        RAISE EXCEPTION USING ERRCODE = 'CONNS';
    END IF;
    PERFORM check_rooms(its_room, its_user, rooms_max, user_rooms_max);
    IF NOT claim(its_claim, its_user, its_seen_ms, its_expires_at_ms) THEN
        RAISE EXCEPTION USING ERRCODE = 'NAMED';
    END IF;
    RETURN QUERY SELECT * FROM renew(
        its_room, its_user, its_name, its_connection, its_seen_ms, its_expires_at_ms, its_holder);
END $$;

CREATE OR REPLACE FUNCTION touch(
    its_room text, its_user text, its_name text, its_connection text, its_seen_ms bigint, its_expires_at_ms bigint,
    its_holder text, its_claim text, connections_max int, rooms_max int, user_rooms_max int
) RETURNS SETOF events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_room(its_room);
    PERFORM FROM connections WHERE room = its_room AND user_id = its_user AND connection = its_connection;
    IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = 'NJOIN'; END IF;
    PERFORM check_rooms(its_room, its_user, rooms_max, user_rooms_max);
    PERFORM claim(its_claim, its_user, its_seen_ms, its_expires_at_ms);
    RETURN QUERY SELECT * FROM renew(
        its_room, its_user, its_name, its_connection, its_seen_ms, its_expires_at_ms, its_holder);
END $$;

-- Take a user offline unless a lease of theirs still runs: of any number who try, one appends the event.
CREATE OR REPLACE FUNCTION go_offline(its_room text, its_user text, now_ms bigint, its_seen_ms bigint)
RETURNS SETOF events LANGUAGE plpgsql AS $$
DECLARE its_name text;
BEGIN
    PERFORM lock_room(its_room);
    UPDATE members SET online = false, last_seen_ms = greatest(last_seen_ms, its_seen_ms)
    WHERE room = its_room AND user_id = its_user AND online AND NOT EXISTS (
        SELECT FROM connections WHERE room = its_room AND user_id = its_user AND expires_at_ms > now_ms
    ) RETURNING name INTO its_name;
    IF FOUND THEN
        RETURN QUERY SELECT * FROM append_presence(its_room, its_user, its_name, 'offline', now_ms);
    END IF;
END $$;

-- Forget a connection, unless it has a newer holder. A goodbye frees the name.
CREATE OR REPLACE FUNCTION release(
    its_room text, its_user text, its_connection text, its_seen_ms bigint, its_holder text, its_claim text
) RETURNS SETOF events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM rooms WHERE room = its_room FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF; -- nobody has ever joined it, and a refused join leaves no row
    WITH gone AS (
        DELETE FROM connections WHERE room = its_room AND user_id = its_user AND connection = its_connection
            AND (its_holder = '' OR holder = '' OR holder = its_holder) RETURNING seen_ms)
    UPDATE members SET last_seen_ms = gone.seen_ms FROM gone
    WHERE room = its_room AND user_id = its_user AND gone.seen_ms > last_seen_ms;
    RETURN QUERY SELECT * FROM go_offline(its_room, its_user, its_seen_ms, its_seen_ms);
    DELETE FROM names WHERE its_holder = '' AND name = its_claim AND user_id = its_user
        AND NOT EXISTS (SELECT FROM members WHERE user_id = its_user AND online);
END $$;
