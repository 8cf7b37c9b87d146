-- Every statement on the embedded store, each below its name; `schema` is a script, for a new file.

-- name: schema
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    room TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL, name TEXT NOT NULL,
    body TEXT NOT NULL, at_ms INTEGER NOT NULL, client_id TEXT NOT NULL, expires_at_ms INTEGER,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX once ON events (room, sender, client_id)
WHERE kind = 'message' AND client_id != '';
CREATE INDEX by_kind ON events (room, kind, seq);
CREATE TABLE members (
    room TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, online INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,
    read_up_to INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room, user)
) WITHOUT ROWID;
CREATE INDEX members_online ON members (room, user) WHERE online = 1;
CREATE INDEX users_online ON members (user) WHERE online = 1;
CREATE INDEX members_seen ON members (room, online, last_seen_ms);
CREATE TABLE connections (
    room TEXT NOT NULL, user TEXT NOT NULL, connection TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL, holder TEXT NOT NULL DEFAULT '', PRIMARY KEY (room, user, connection)
) WITHOUT ROWID;
CREATE INDEX connections_expire ON connections (expires_at_ms);
CREATE TABLE names (name TEXT PRIMARY KEY, user TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX names_expire ON names (until_ms);

-- name: insert
INSERT INTO events (room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: sent_before
SELECT room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms
FROM events WHERE room = ? AND sender = ? AND client_id = ? AND kind = 'message'
    AND client_id != ''  -- so that the index `once` is used

-- name: read
SELECT room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms
FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?

-- name: history
SELECT room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms
FROM events WHERE room = ? AND kind = 'message' AND seq < ? ORDER BY seq DESC LIMIT ?

-- name: head
SELECT COALESCE(MAX(seq), 0) FROM events WHERE room = ?

-- name: read_up_to
UPDATE members SET read_up_to = :up_to WHERE room = :room AND user = :user AND read_up_to < :up_to

-- name: members
SELECT user, name, online, MAX(last_seen_ms, COALESCE((
    SELECT MAX(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user = m.user), 0)), read_up_to
FROM members AS m WHERE room = ? ORDER BY online DESC, last_seen_ms DESC LIMIT ?

-- name: other_connections
SELECT COUNT(*) FROM connections
WHERE room = :room AND user = :user AND connection != :connection AND expires_at_ms > :seen_ms

-- name: rooms_in_use_if_empty
WITH RECURSIVE used (room) AS (  -- from each room to the next by the index, however many people are online in it
    SELECT MIN(room) FROM members WHERE online = 1
    UNION ALL
    SELECT (SELECT MIN(room) FROM members WHERE online = 1 AND room > used.room) FROM used WHERE room IS NOT NULL)
SELECT CASE WHEN EXISTS (SELECT 1 FROM members WHERE online = 1 AND room = :room) THEN 0
ELSE (SELECT COUNT(room) FROM used) END

-- name: rooms_of_user_if_offline
SELECT CASE WHEN EXISTS (SELECT 1 FROM members WHERE online = 1 AND room = :room AND user = :user) THEN 0
ELSE (SELECT COUNT(*) FROM members WHERE online = 1 AND user = :user) END

-- name: claim
INSERT INTO names (name, user, until_ms) VALUES (:name, :user, :until_ms)
ON CONFLICT (name) DO UPDATE SET user = :user, until_ms = :until_ms
WHERE user = :user OR until_ms <= :now_ms

-- name: free_name
DELETE FROM names WHERE name = :name AND user = :user
AND NOT EXISTS (SELECT 1 FROM members WHERE user = :user AND online = 1)

-- name: touch
INSERT INTO connections (room, user, connection, seen_ms, expires_at_ms, holder)
VALUES (:room, :user, :connection, :seen_ms, :expires_at_ms, :holder)
ON CONFLICT DO UPDATE SET seen_ms = MAX(seen_ms, :seen_ms), expires_at_ms = :expires_at_ms,
    holder = CASE :holder WHEN '' THEN holder ELSE :holder END

-- name: come_online
INSERT INTO members (room, user, name, online, last_seen_ms) VALUES (:room, :user, :name, 1, :seen_ms)
ON CONFLICT DO UPDATE SET online = 1, last_seen_ms = :seen_ms WHERE online = 0
RETURNING user

-- name: keep_last_seen
UPDATE members SET last_seen_ms = c.seen_ms FROM connections AS c
WHERE members.room = :room AND members.user = :user AND c.room = :room AND c.user = :user
    AND c.connection = :connection AND c.seen_ms > members.last_seen_ms

-- name: go_offline
UPDATE members SET online = 0, last_seen_ms = MAX(last_seen_ms, :seen_ms)
WHERE room = :room AND user = :user AND online = 1 AND NOT EXISTS (
    SELECT 1 FROM connections WHERE room = :room AND user = :user AND expires_at_ms > :now_ms)
RETURNING name

-- name: shorten_leases
UPDATE connections SET expires_at_ms = :latest_ms WHERE expires_at_ms > :latest_ms

-- name: shorten_claims
UPDATE names SET until_ms = :latest_ms WHERE until_ms > :latest_ms

-- name: keep_leases
UPDATE connections SET expires_at_ms = ?
WHERE (room, user) IN (SELECT room, user FROM members WHERE online = 1)

-- name: keep_claim
UPDATE names SET until_ms = ? WHERE name = ? AND user = ?

-- name: online
SELECT name, user FROM members WHERE online = 1

-- name: expired
SELECT room, user, COALESCE((
    SELECT MAX(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user = m.user), last_seen_ms)
FROM members AS m WHERE online = 1 AND NOT EXISTS (
    SELECT 1 FROM connections AS c WHERE c.room = m.room AND c.user = m.user AND c.expires_at_ms > ?)

-- name: is_member
SELECT 1 FROM connections WHERE room = ? AND user = ? LIMIT 1

-- name: is_known
SELECT 1 FROM connections WHERE room = :room AND user = :user AND connection = :connection

-- name: delete_connection
DELETE FROM connections WHERE room = :room AND user = :user AND connection = :connection
    AND (:holder = '' OR holder IN ('', :holder))

-- name: delete_connections
DELETE FROM connections WHERE expires_at_ms < ?

-- name: delete_names
DELETE FROM names WHERE until_ms < ?

-- name: start_epoch
INSERT OR IGNORE INTO meta VALUES ('epoch', ?)

-- name: epoch
SELECT value FROM meta WHERE key = 'epoch'
