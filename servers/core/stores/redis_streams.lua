-- Everything that must be atomic in Redis: each call of this script is one command.
-- ARGV: the command, an epoch in case the log has none, how many events a stream keeps at least; then what it needs.
--
--   chat:epoch                       names the log; gone if Redis was emptied
--   chat:epochs                      a stream of epochs, on which every process listens
--   chat:history                     which promotion of a replica the log has come through, if any
--   chat:head:<room>                 sequence number of the newest event
--   chat:events:<room>               the log: a stream whose ids are <seq>-0
--   chat:once:<room>                 hash: sender and client_id -> seq, for as long as the stream holds the event
--   chat:receipts:<room>             hash: user -> how far they have read
--   chat:names:<room>, chat:seen:<room>    hashes: user -> display name; -> last sign of life, in ms
--   chat:rooms                       set of rooms that somebody has joined
--   chat:connections:<room>:<user>   scores: connection -> when its lease runs out; the key itself expires
--   chat:holders:<room>:<user>       hash: connection -> the process that opened its newest stream or socket
--   chat:online                      scores: room and user -> when the last of their leases runs out
--   chat:claim:<name>                "<until_ms> <user>"; expires
local command, fresh, kept = ARGV[1], ARGV[2], tonumber(ARGV[3])
local FORGET_MS = 3600000
local TRIM_EVERY = 64

local epoch = redis.call('GET', 'chat:epoch')
local function start_over()
  epoch = fresh
  redis.call('SET', 'chat:epoch', epoch)
  redis.call('XADD', 'chat:epochs', 'MAXLEN', 1, '*', 'epoch', epoch)
end
if not epoch then start_over() end

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

-- Drop what lies further back than the stream keeps, and the client_ids of those sends.
local function trim(room, seq)
  local oldest = seq - kept + 1
  if seq % TRIM_EVERY ~= 0 or oldest <= 1 then return end
  local stream = 'chat:events:' .. room
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', (oldest - 1) .. '-0')) do
    if entry[2][6] ~= '' then redis.call('HDEL', 'chat:once:' .. room, entry[2][6]) end
  end
  redis.call('XTRIM', stream, 'MINID', oldest .. '-0')
end

local function append(room, kind, draft, once)
  if once ~= '' then
    local first = redis.call('HGET', 'chat:once:' .. room, once)
    if first then
      local entry = redis.call('XRANGE', 'chat:events:' .. room, first .. '-0', first .. '-0')[1]
      return { epoch, tonumber(first), entry[2][4] }
    end
  end
  notice_promotion()
  local seq = redis.call('INCR', 'chat:head:' .. room)
  redis.call('XADD', 'chat:events:' .. room, seq .. '-0', 'kind', kind, 'draft', draft, 'once', once)
  if once ~= '' then redis.call('HSET', 'chat:once:' .. room, once, seq) end
  trim(room, seq)
  return { epoch, seq, draft }
end

local function append_presence(room, user, body, at_ms)
  local name = redis.call('HGET', 'chat:names:' .. room, user)
  local draft = cjson.encode({ kind = 'presence', sender = user, name = name, body = body, at_ms = at_ms })
  return append(room, 'presence', draft, '')
end

local function claim(name, user, now_ms, until_ms)
  local key = 'chat:claim:' .. name
  local held_until, owner = string.match(redis.call('GET', key) or '0 ', '^(%d+) (.*)$')
  if owner ~= user and tonumber(held_until) > now_ms then return false end
  local later = math.max(tonumber(held_until), until_ms)
  redis.call('SET', key, string.format('%d %s', later, user), 'PX', math.max(later - now_ms, 0) + FORGET_MS)
  return true
end

-- A lease: { room, user, display name, name as claimed, connection, seen_ms, expires_at_ms, process that holds it }
local function lease_of(first)
  return {
    room = ARGV[first], user = ARGV[first + 1], name = ARGV[first + 2], claimed = ARGV[first + 3],
    connection = ARGV[first + 4], seen_ms = tonumber(ARGV[first + 5]), expires_at_ms = tonumber(ARGV[first + 6]),
    holder = ARGV[first + 7],
    connections = 'chat:connections:' .. ARGV[first] .. ':' .. ARGV[first + 1],
    holders = 'chat:holders:' .. ARGV[first] .. ':' .. ARGV[first + 1],
    online = ARGV[first] .. ' ' .. ARGV[first + 1],
  }
end

local function renew(lease)
  redis.call('ZREMRANGEBYSCORE', lease.connections, '-inf', lease.seen_ms - FORGET_MS)
  redis.call('ZADD', lease.connections, 'GT', lease.expires_at_ms, lease.connection)
  redis.call('PEXPIRE', lease.connections, lease.expires_at_ms - lease.seen_ms + FORGET_MS)
  if lease.holder ~= '' then
    redis.call('HSET', lease.holders, lease.connection, lease.holder)
    redis.call('PEXPIRE', lease.holders, lease.expires_at_ms - lease.seen_ms + FORGET_MS)
  end
  redis.call('HSET', 'chat:seen:' .. lease.room, lease.user, lease.seen_ms)
  redis.call('HSETNX', 'chat:names:' .. lease.room, lease.user, lease.name)
  if redis.call('ZADD', 'chat:online', 'GT', lease.expires_at_ms, lease.online) == 0 then return { epoch } end
  return append_presence(lease.room, lease.user, 'online', lease.seen_ms)
end

local commands = {}

function commands.epoch()
  notice_promotion()
  return { epoch }
end

-- The log ends before what somebody has seen of it, with no promotion to explain it: an old backup, perhaps.
function commands.start_new_epoch(old)
  if epoch == old then start_over() end
  return { epoch }
end

function commands.append(room, kind, draft, once, reader, up_to)
  local event = append(room, kind, draft, once)
  if reader ~= '' then
    local furthest = tonumber(redis.call('HGET', 'chat:receipts:' .. room, reader) or 0)
    redis.call('HSET', 'chat:receipts:' .. room, reader, string.format('%d', math.max(furthest, tonumber(up_to))))
  end
  return event
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

function commands.history(room, before, limit)
  local found, until_seq, step = {}, math.min(tonumber(before) - 1, head_of(room)), 200
  while #found < tonumber(limit) and until_seq > 0 do
    local entries = redis.call('XREVRANGE', 'chat:events:' .. room, until_seq .. '-0', '-', 'COUNT', step)
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      if entry[2][2] == 'message' and #found < tonumber(limit) then table.insert(found, entry) end
    end
    until_seq = tonumber(string.match(entries[#entries][1], '^%d+')) - 1
  end
  return { epoch, found }
end

function commands.receipts(room) return { epoch, redis.call('HGETALL', 'chat:receipts:' .. room) } end

function commands.claim(name, user, now_ms, until_ms)
  return { epoch, claim(name, user, tonumber(now_ms), tonumber(until_ms)) and 1 or 0 }
end

function commands.join(connections_max, rooms_max)
  local lease = lease_of(6)
  local others = redis.call('ZCARD', lease.connections)
  if redis.call('ZSCORE', lease.connections, lease.connection) then others = others - 1 end
  if others >= tonumber(connections_max) then return redis.error_reply('CONNS') end
  local is_new = redis.call('SISMEMBER', 'chat:rooms', lease.room) == 0
  if is_new and redis.call('SCARD', 'chat:rooms') >= tonumber(rooms_max) then return redis.error_reply('ROOMS') end
  if not claim(lease.claimed, lease.user, lease.seen_ms, lease.expires_at_ms) then return redis.error_reply('NAMED') end
  redis.call('SADD', 'chat:rooms', lease.room)
  return renew(lease)
end

function commands.touch()
  local lease = lease_of(4)
  if not redis.call('ZSCORE', lease.connections, lease.connection) then return redis.error_reply('NJOIN') end
  claim(lease.claimed, lease.user, lease.seen_ms, lease.expires_at_ms)
  return renew(lease)
end

function commands.release()
  local lease = lease_of(4)
  local holder = redis.call('HGET', lease.holders, lease.connection)
  if lease.holder ~= '' and holder and holder ~= lease.holder then return { epoch } end
  redis.call('ZREM', lease.connections, lease.connection)
  redis.call('HDEL', lease.holders, lease.connection)
  local last = redis.call('ZREVRANGE', lease.connections, 0, 0, 'WITHSCORES')
  if last[2] and tonumber(last[2]) > lease.seen_ms then
    redis.call('ZADD', 'chat:online', 'XX', last[2], lease.online)
    return { epoch }
  end
  if redis.call('ZREM', 'chat:online', lease.online) == 0 then return { epoch } end
  redis.call('HSET', 'chat:seen:' .. lease.room, lease.user, lease.seen_ms)
  return append_presence(lease.room, lease.user, 'offline', lease.seen_ms)
end

-- Whose last lease has run out goes offline, at most `limit` at once; returns { room, seq, draft } of each.
function commands.expire(now_ms, limit)
  local gone = {}
  for i, online in ipairs(redis.call('ZRANGEBYSCORE', 'chat:online', '-inf', now_ms, 'LIMIT', 0, limit)) do
    redis.call('ZREM', 'chat:online', online)
    local room, user = string.match(online, '^(%S+) (.*)$')
    local event = append_presence(room, user, 'offline', tonumber(now_ms))
    gone[i] = { room, event[2], event[3] }
  end
  return { epoch, gone }
end

function commands.is_member(room, user)
  return { epoch, redis.call('EXISTS', 'chat:connections:' .. room .. ':' .. user) }
end

function commands.members(room)
  local found, names = {}, redis.call('HGETALL', 'chat:names:' .. room)
  for i = 1, #names, 2 do
    local online = redis.call('ZSCORE', 'chat:online', room .. ' ' .. names[i]) and 1 or 0
    local seen_ms = tonumber(redis.call('HGET', 'chat:seen:' .. room, names[i]))
    table.insert(found, { names[i], names[i + 1], online, seen_ms })
  end
  return { epoch, found }
end

return commands[command](unpack(ARGV, 4))
