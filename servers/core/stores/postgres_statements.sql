-- Every statement on the tables of postgres.sql, each below its name. Those on events return the epoch first, then the
-- fields of an Event in their order. A store that opens tries each with the arguments behind `try`, and rolls it back;
-- nobody can have this room or this name, which are empty.

-- name: is_there
SELECT to_regclass('chat.meta') IS NOT NULL

-- name: meta
SELECT value FROM meta WHERE key = $1

-- name: set_version
INSERT INTO meta VALUES ('schema', $1) ON CONFLICT (key) DO UPDATE SET value = $1

-- name: start
INSERT INTO meta VALUES ('epoch', $1), ('timeline', timeline()), ('layout', $2) ON CONFLICT DO NOTHING

-- name: notice_promotion
SELECT notice_promotion()

-- name: read
-- try: ("", "", 0, 1)
SELECT value, e.* FROM meta LEFT JOIN LATERAL (
    SELECT room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms
    FROM events WHERE room = $1 AND seq > CASE value WHEN $2 THEN $3::bigint ELSE 0 END
    ORDER BY seq LIMIT $4) AS e ON true
WHERE key = 'epoch'

-- name: history
-- try: ("", 1, 1)
SELECT (SELECT value FROM meta WHERE key = 'epoch'), room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms
FROM events WHERE room = $1 AND kind = 'message' AND seq < $2 ORDER BY seq DESC LIMIT $3

-- name: heads
-- try: ([""],)
SELECT value, room, head FROM meta LEFT JOIN rooms ON room = ANY($1::text[]) WHERE key = 'epoch'

-- name: set_new_epoch
-- try: ("", "")
UPDATE meta SET value = $2 WHERE key = 'epoch' AND value = $1

-- name: claim
-- try: ("", "", 0, 1)
SELECT claim($1, $2, $3, $4)

-- name: append
-- try: ("", "message", "", "Zoë 日本 🙂", b"", 0, "id", None)
SELECT its_epoch(), * FROM append($1, $2, $3, $4, $5, $6, $7, $8)

-- name: mark_read
-- try: ("", "", "Zoë 日本 🙂", 1, 0)
SELECT its_epoch(), * FROM mark_read($1, $2, $3, $4, $5)

-- name: join
-- try: ("", "", "Zoë 日本 🙂", "", 0, 1, "", "", 1, 1073741824, 1)
SELECT its_epoch(), * FROM join_room($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: touch
-- try: ("", "", "Zoë 日本 🙂", "", 0, 1, "", "", 1, 1073741824, 1)
SELECT its_epoch(), * FROM touch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: release
-- try: ("", "", "", 0, "", "")
SELECT its_epoch(), * FROM release($1, $2, $3, $4, $5, $6)

-- name: go_offline
-- try: ("", "", 0, 0)
SELECT its_epoch(), * FROM go_offline($1, $2, $3, $4)

-- name: expired
-- try: (-1,)
SELECT room, user_id, coalesce((
    SELECT max(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user_id = m.user_id), last_seen_ms)
FROM members AS m WHERE online AND NOT EXISTS (
    SELECT FROM connections AS c WHERE c.room = m.room AND c.user_id = m.user_id AND c.expires_at_ms > $1)

-- name: now
-- try: ()
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint

-- name: shorten_leases
-- try: (4611686018427387904,)
UPDATE connections SET expires_at_ms = $1 WHERE expires_at_ms > $1

-- name: shorten_claims
-- try: (4611686018427387904,)
UPDATE names SET until_ms = $1 WHERE until_ms > $1

-- name: delete_connections
-- try: (-1,)
DELETE FROM connections WHERE expires_at_ms < $1

-- name: delete_names
-- try: (-1,)
DELETE FROM names WHERE until_ms < $1

-- name: is_member
-- try: ("", "")
SELECT EXISTS (SELECT FROM connections WHERE room = $1 AND user_id = $2)

-- name: members
-- try: ("", 1)
SELECT user_id, name, online, greatest(last_seen_ms, (
    SELECT max(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user_id = m.user_id)), read_up_to
FROM members AS m WHERE room = $1
ORDER BY online DESC, last_seen_ms DESC LIMIT $2
