-- Everything that must be atomic in Redis: each call of this script is one command.
-- ARGV: the command, an epoch in case the log has none, how many events a stream keeps at least; then what it needs.
--
--   chat:epoch                       names the log; gone if Redis was emptied
--   chat:epochs                      a stream of epochs, on which every process listens
--   chat:history                     which promotion of a replica the log has come through, if any
--   chat:layout                      number of the layout of all these keys; one of another version is refused
--   chat:head:<room>                 sequence number of the newest event; chat:newest:<room>: of the newest message
--   chat:events:<room>               the log: a stream whose ids are <seq>-0; `before`: the seq of the last message before
--   chat:once:<room>                 hash: sender and client_id -> seq, for as long as the stream holds the event
--   chat:receipts:<room>             hash: user -> how far they have read
--   chat:names:<room>                hash: user -> display name
--   chat:last_seen:<room>            scores: user -> when a lease of theirs was last renewed, in ms
--   chat:present:<room>              set of the users who are online there
--   chat:rooms, chat:rooms:<user>    sets of the rooms in which somebody, or the user, is online
--   chat:connections:<room>:<user>   scores: connection -> when its lease runs out; the key itself expires
--   chat:holders:<room>:<user>       hash: connection -> its newest join, stream or socket
--   chat:online                      scores: room and user -> when the last of their leases runs out
--   chat:claims, chat:owners         scores: name -> when its claim runs out; hash: name -> the user who has claimed it
local command, fresh, kept = ARGV[1], ARGV[2], tonumber(ARGV[3])
local FORGET_MS, FORGET_MAX = 3600000, 100
local TRIM_EVERY = 64
local TRIM_MAX = 4 * TRIM_EVERY
local LAYOUT = '2'

local epoch = redis.call('GET', 'chat:epoch')
local function start_over()
  epoch = fresh
  redis.call('SET', 'chat:epoch', epoch)
  redis.call('XADD', 'chat:epochs', 'MAXLEN', 1, '*', 'epoch', epoch)
end
if not epoch then
  redis.call('SET', 'chat:layout', LAYOUT)
  start_over()
end

-- A replica that was promoted may lack the end of the log, and its numbers would be given twice. Nobody knows what was
-- lost, so the log gets a new epoch before anything is added to it. Redis remembers a promotion until it restarts
-- (with an append-only file; one that restarts from a snapshot may be taken for promoted, which costs a fresh start).
local function notice_promotion()
  local info = redis.pcall('INFO', 'replication')
  if type(info) ~= 'string' or not string.find(info, 'role:master', 1, true) then return end
  local offset = string.match(info, 'second_repl_offset:(%d+)') -- else -1: it has never been promoted
  if not offset then return end
  local promotion = string.match(info, 'master_replid2:(%x+)') .. ':' .. offset
  if promotion ~= redis.call('GET', 'chat:history') then
    redis.call('SET', 'chat:history', promotion)
    start_over()
  end
end

local function head_of(room) return tonumber(redis.call('GET', 'chat:head:' .. room) or 0) end

-- Drop events that are older than the stream keeps, with their client_ids: at most TRIM_MAX, the oldest, at once.
local function trim(room, seq)
  local oldest = seq - kept + 1
  if seq % TRIM_EVERY ~= 0 or oldest <= 1 then return end
  local stream, sent = 'chat:events:' .. room, 'chat:once:' .. room
  local dropped = '0'
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', (oldest - 1) .. '-0', 'COUNT', TRIM_MAX)) do
    local once = entry[2][6]
    dropped = string.match(entry[1], '^%d+')
    if redis.call('HGET', sent, once) == dropped then redis.call('HDEL', sent, once) end
  end
  redis.call('XTRIM', stream, 'MINID', dropped .. '-1')
end

local function append(room, kind, draft, once)
  if once ~= '' then
    local first = redis.call('HGET', 'chat:once:' .. room, once)
    local entry = first and redis.call('XRANGE', 'chat:events:' .. room, first .. '-0', first .. '-0')[1]
    if entry and entry[2][2] == 'message' then return { epoch, tonumber(first), entry[2][4] } end
  end
  notice_promotion()
  local seq = redis.call('INCR', 'chat:head:' .. room)
  local before = redis.call('GET', 'chat:newest:' .. room) or 0
  redis.call('XADD', 'chat:events:' .. room, seq .. '-0', 'kind', kind, 'draft', draft, 'once', once, 'before', before)
  if kind == 'message' then redis.call('SET', 'chat:newest:' .. room, seq) end
  if once ~= '' then redis.call('HSET', 'chat:once:' .. room, once, seq) end
  trim(room, seq)
  return { epoch, seq, draft }
end

local function come_online(room, user)
  redis.call('SADD', 'chat:present:' .. room, user)
  redis.call('SADD', 'chat:rooms', room)
  redis.call('SADD', 'chat:rooms:' .. user, room)
end

local function go_offline(room, user)
  redis.call('SREM', 'chat:present:' .. room, user)
  if redis.call('EXISTS', 'chat:present:' .. room) == 0 then redis.call('SREM', 'chat:rooms', room) end
  redis.call('SREM', 'chat:rooms:' .. user, room)
end

local function append_presence(room, user, body, at_ms)
  local name = redis.call('HGET', 'chat:names:' .. room, user)
  local draft = cjson.encode({ kind = 'presence', sender = user, name = name, body = body, at_ms = at_ms })
  return append(room, 'presence', draft, '')
end

local function claim(name, user, now_ms, until_ms)
  local held_until_ms = tonumber(redis.call('ZSCORE', 'chat:claims', name) or 0)
  if held_until_ms > now_ms and redis.call('HGET', 'chat:owners', name) ~= user then return false end
  redis.call('ZADD', 'chat:claims', until_ms, name)
  redis.call('HSET', 'chat:owners', name, user)
  return true
end

local function free_name(name)
  redis.call('ZREM', 'chat:claims', name)
  redis.call('HDEL', 'chat:owners', name)
end

-- After three limits, a lease: room, user, display name, name as claimed, connection, when it was seen and expires (in
-- ms), and its holder.
local function lease_of()
  local room, user, name, claimed, connection, seen_ms, expires_at_ms, holder = unpack(ARGV, 7)
  return {
    room = room, user = user, name = name, claimed = claimed, connection = connection, holder = holder,
    seen_ms = tonumber(seen_ms), expires_at_ms = tonumber(expires_at_ms),
    connections = 'chat:connections:' .. room .. ':' .. user, holders = 'chat:holders:' .. room .. ':' .. user,
    online = room .. ' ' .. user,
  }
end

local function renew(lease)
  local long_ago = lease.seen_ms - FORGET_MS
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', lease.connections, '-inf', long_ago, 'LIMIT', 0, FORGET_MAX)) do
    redis.call('ZREM', lease.connections, old)
    redis.call('HDEL', lease.holders, old)
  end
  redis.call('ZADD', lease.connections, lease.expires_at_ms, lease.connection)
  redis.call('PEXPIRE', lease.connections, lease.expires_at_ms - lease.seen_ms + FORGET_MS)
  if lease.holder ~= '' then
    redis.call('HSET', lease.holders, lease.connection, lease.holder)
    redis.call('PEXPIRE', lease.holders, lease.expires_at_ms - lease.seen_ms + FORGET_MS)
  end
  redis.call('HSETNX', 'chat:names:' .. lease.room, lease.user, lease.name)
  local last = redis.call('ZREVRANGE', lease.connections, 0, 0, 'WITHSCORES') -- another of theirs may run for longer
  if redis.call('ZADD', 'chat:online', last[2], lease.online) == 0 then
    redis.call('ZADD', 'chat:last_seen:' .. lease.room, 'GT', lease.seen_ms, lease.user)
    return { epoch }
  end
  redis.call('ZADD', 'chat:last_seen:' .. lease.room, lease.seen_ms, lease.user)
  come_online(lease.room, lease.user)
  return append_presence(lease.room, lease.user, 'online', lease.seen_ms)
end

local commands = {}

function commands.now()
  local now = redis.call('TIME')
  return { epoch, tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) }
end

function commands.epoch()
  notice_promotion()
  return { epoch, redis.call('GET', 'chat:layout') or '' }
end

-- For a log that ends before a position that somebody has seen, without a promotion: an old backup, perhaps.
function commands.start_new_epoch(old)
  if epoch == old then start_over() end
  return { epoch }
end

function commands.append(room, kind, draft, once) return append(room, kind, draft, once) end

function commands.mark_read(room, user, up_to, draft)
  local receipts = 'chat:receipts:' .. room
  if tonumber(redis.call('HGET', receipts, user) or 0) >= tonumber(up_to) then return { epoch } end
  redis.call('HSET', receipts, user, up_to)
  return append(room, 'receipt', draft, '')
end

function commands.read(room, its_epoch, after, limit)
  if its_epoch ~= epoch then after = '0' end
  local first = string.format('%d-0', tonumber(after) + 1)
  return { epoch, tonumber(after), redis.call('XRANGE', 'chat:events:' .. room, first, '+', 'COUNT', limit) }
end

function commands.heads(...)
  notice_promotion()
  local heads = {}
  for i, room in ipairs({ ... }) do heads[i] = head_of(room) end
  return { epoch, heads }
end

-- Go back from message to message by the field `before`: other events are not read.
function commands.history(room, before, limit)
  local found, seq = {}, math.min(tonumber(before) - 1, head_of(room))
  while #found < tonumber(limit) and seq > 0 do
    local entry = redis.call('XREVRANGE', 'chat:events:' .. room, seq .. '-0', '-', 'COUNT', 1)[1]
    if not entry then break end
    if entry[2][2] == 'message' then table.insert(found, entry) end
    seq = tonumber(entry[2][8])
  end
  return { epoch, found }
end

function commands.claim(name, user, now_ms, until_ms)
  return { epoch, claim(name, user, tonumber(now_ms), tonumber(until_ms)) and 1 or 0 }
end

-- Return a refusal if the user would come online in one room too many.
local function rooms_refusal(lease, rooms_max, user_rooms_max)
  local own = 'chat:rooms:' .. lease.user
  if redis.call('SISMEMBER', own, lease.room) == 1 then return end
  if redis.call('SCARD', own) >= tonumber(user_rooms_max) then return redis.error_reply('UROOM') end
  local is_empty = redis.call('SISMEMBER', 'chat:rooms', lease.room) == 0
  if is_empty and redis.call('SCARD', 'chat:rooms') >= tonumber(rooms_max) then return redis.error_reply('ROOMS') end
end

function commands.join(connections_max, rooms_max, user_rooms_max)
  local lease = lease_of()
  local others = redis.call('ZCOUNT', lease.connections, '(' .. lease.seen_ms, '+inf')
  local its_end = redis.call('ZSCORE', lease.connections, lease.connection)
  if its_end and tonumber(its_end) > lease.seen_ms then others = others - 1 end
  if others >= tonumber(connections_max) then return redis.error_reply('CONNS') end
  local refused = rooms_refusal(lease, rooms_max, user_rooms_max)
  if refused then return refused end
  if not claim(lease.claimed, lease.user, lease.seen_ms, lease.expires_at_ms) then return redis.error_reply('NAMED') end
  return renew(lease)
end

function commands.touch(_, rooms_max, user_rooms_max)
  local lease = lease_of()
  if not redis.call('ZSCORE', lease.connections, lease.connection) then return redis.error_reply('NJOIN') end
  local refused = rooms_refusal(lease, rooms_max, user_rooms_max)
  if refused then return refused end
  claim(lease.claimed, lease.user, lease.seen_ms, lease.expires_at_ms)
  return renew(lease)
end

-- Take the user offline, unless another lease of theirs still runs.
local function go_offline_unless_live(lease)
  local last = redis.call('ZREVRANGE', lease.connections, 0, 0, 'WITHSCORES')
  if last[2] and tonumber(last[2]) > lease.seen_ms then
    redis.call('ZADD', 'chat:online', 'XX', last[2], lease.online)
    return { epoch }
  end
  if redis.call('ZREM', 'chat:online', lease.online) == 0 then return { epoch } end
  redis.call('ZADD', 'chat:last_seen:' .. lease.room, 'GT', lease.seen_ms, lease.user)
  go_offline(lease.room, lease.user)
  return append_presence(lease.room, lease.user, 'offline', lease.seen_ms)
end

function commands.release()
  local lease = lease_of()
  local holder = redis.call('HGET', lease.holders, lease.connection)
  if lease.holder ~= '' and holder and holder ~= lease.holder then return { epoch } end
  redis.call('ZREM', lease.connections, lease.connection)
  redis.call('HDEL', lease.holders, lease.connection)
  local event = go_offline_unless_live(lease)
  local owns = redis.call('HGET', 'chat:owners', lease.claimed) == lease.user
  if lease.holder == '' and owns and redis.call('EXISTS', 'chat:rooms:' .. lease.user) == 0 then
    free_name(lease.claimed) -- it stays claimed while its user is online in another room
  end
  return event
end

-- Take users offline whose last lease has run out, and free claims that have run out; first cut leases and claims that
-- run beyond `latest_ms`, since the clock was set back. At most `limit` of each at once: return 1 if there may be more,
-- and { room, seq, draft } for each user.
function commands.expire(now_ms, latest_ms, limit)
  local gone, has_more = {}, 0
  local function some_of(key, from, to)
    local members = redis.call('ZRANGEBYSCORE', key, from, to, 'LIMIT', 0, limit)
    if #members == tonumber(limit) then has_more = 1 end
    return members
  end
  for _, key in ipairs({ 'chat:online', 'chat:claims' }) do
    for _, member in ipairs(some_of(key, '(' .. latest_ms, '+inf')) do redis.call('ZADD', key, latest_ms, member) end
  end
  for _, name in ipairs(some_of('chat:claims', '-inf', '(' .. now_ms)) do free_name(name) end
  for i, online in ipairs(some_of('chat:online', '-inf', now_ms)) do
    redis.call('ZREM', 'chat:online', online)
    local room, user = string.match(online, '^(%S+) (.*)$')
    go_offline(room, user)
    local event = append_presence(room, user, 'offline', tonumber(now_ms))
    gone[i] = { room, event[2], event[3] }
  end
  return { epoch, has_more, gone }
end

function commands.is_member(room, user)
  return { epoch, redis.call('EXISTS', 'chat:connections:' .. room .. ':' .. user) }
end

function commands.members(room, limit)
  local found, is_found, present = {}, {}, 'chat:present:' .. room
  local function add(user)
    if is_found[user] or #found >= tonumber(limit) then return end
    is_found[user] = true
    local name = redis.call('HGET', 'chat:names:' .. room, user)
    local seen_ms = redis.call('ZSCORE', 'chat:last_seen:' .. room, user)
    local up_to = redis.call('HGET', 'chat:receipts:' .. room, user) or 0
    table.insert(found, { user, name, redis.call('SISMEMBER', present, user), seen_ms, up_to })
  end
  for _, user in ipairs(redis.call('SRANDMEMBER', present, limit)) do add(user) end
  for _, user in ipairs(redis.call('ZREVRANGE', 'chat:last_seen:' .. room, 0, limit - 1)) do add(user) end
  return { epoch, found }
end

-- Every command that is used above, with the key to try it on: a user without permission for one is refused at the
-- start, with its name. Each works whatever a refused start has left in its key: Redis rolls no failed script back.
local NEEDED = {
  { 'SET', 'text', 1 }, { 'GET', 'text' }, { 'INCR', 'text' }, { 'EXISTS', 'text' }, { 'PEXPIRE', 'text', 1000 },
  { 'HSET', 'hash', 'a', 1 }, { 'HSETNX', 'hash', 'a', 1 }, { 'HGET', 'hash', 'a' },
  { 'HDEL', 'hash', 'a' },
  { 'SADD', 'set', 'a' }, { 'SCARD', 'set' }, { 'SISMEMBER', 'set', 'a' },
  { 'SRANDMEMBER', 'set', 1 }, { 'SREM', 'set', 'a' },
  { 'XADD', 'stream', '*', 'a', 1 }, { 'XRANGE', 'stream', '-', '+' }, { 'XREVRANGE', 'stream', '+', '-' },
  { 'XTRIM', 'stream', 'MAXLEN', 0 },
  { 'ZADD', 'scores', 1, 'a' }, { 'ZCOUNT', 'scores', 0, 1 }, { 'ZSCORE', 'scores', 'a' },
  { 'ZRANGEBYSCORE', 'scores', 0, 1 }, { 'ZREVRANGE', 'scores', 0, 1 }, { 'ZREM', 'scores', 'a' },
  { 'DEL', 'text' }, { 'DEL', 'hash' }, { 'DEL', 'set' }, { 'DEL', 'stream' }, { 'DEL', 'scores' },
}

function commands.rehearse()
  local now = redis.pcall('TIME')
  if now.err then return redis.error_reply('TIME: ' .. now.err) end
  for _, call in ipairs(NEEDED) do
    local result = redis.pcall(call[1], 'chat:rehearsal:' .. call[2], unpack(call, 3))
    if type(result) == 'table' and result.err then return redis.error_reply(call[1] .. ': ' .. result.err) end
  end
  return { epoch }
end

return commands[command](unpack(ARGV, 4))
