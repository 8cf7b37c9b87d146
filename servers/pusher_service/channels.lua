-- What the workers of a push service share: who sits on which channel. One call is one step that nobody sees half of.
--
-- Under the prefix KEYS[1] (its braces keep all keys of an application on one node of a cluster):
--   workers          sorted set: worker -> until when it counts as alive, in ms of Redis' clock
--   seats:<worker>   hash: seat -> how often this worker has it; a seat is a channel, or "channel user"
--   channels         hash: channel -> subscriptions of all workers
--   windows:<ch>     hash: user -> subscriptions of all workers        (presence channels)
--   members:<ch>     hash: user -> user_info, as it was signed         (presence channels)
--   heard:<ch>       what is published to whoever listens on the channel
-- ARGV[1] names the act, ARGV[2] the worker; the rest are the act's own. An act of a worker that does not count as
-- alive answers "gone" and does nothing, so a worker that was given up for dead cannot leave seats behind.

local act, worker = ARGV[1], ARGV[2]
local function key(name, of) return KEYS[1] .. name .. (of and (":" .. of) or "") end

local time = redis.call("TIME")
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function seat_of(channel, user) return user == "" and channel or (channel .. " " .. user) end

local function count_down(hash, field, by)
  local left = redis.call("HINCRBY", hash, field, -by)
  if left <= 0 then redis.call("HDEL", hash, field) end
  return left
end

local function free(channel, user, by)
  count_down(key("channels"), channel, by)
  if user ~= "" and count_down(key("windows", channel), user, by) <= 0 then
    redis.call("HDEL", key("members", channel), user)
    redis.call("PUBLISH", key("heard", channel), "removed\n" .. user)
  end
end

local function bury(dead)
  local seats = redis.call("HGETALL", key("seats", dead))
  for i = 1, #seats, 2 do
    local channel, user = seats[i]:match("^(%S+) (.*)$")
    free(channel or seats[i], user or "", tonumber(seats[i + 1]))
  end
  redis.call("DEL", key("seats", dead))
  redis.call("ZREM", key("workers"), dead)
end

local function alive()
  local until_ms = redis.call("ZSCORE", key("workers"), worker)
  return until_ms and tonumber(until_ms) >= now_ms
end

local acts = {}

function acts.arrive(lease_ms, before)
  if before ~= "" then bury(before) end
  redis.call("ZADD", key("workers"), now_ms + lease_ms, worker)
end

function acts.renew(lease_ms)
  redis.call("ZADD", key("workers"), now_ms + lease_ms, worker)
  for _, dead in ipairs(redis.call("ZRANGEBYSCORE", key("workers"), "-inf", "(" .. now_ms)) do bury(dead) end
end

function acts.depart() bury(worker) end

function acts.join(channel, user, info, members_max, added)
  local roster = {}
  if user ~= "" then
    local members = key("members", channel)
    if redis.call("HEXISTS", members, user) == 0 then
      if redis.call("HLEN", members) >= tonumber(members_max) then return "full" end
      redis.call("HSET", members, user, info)
      redis.call("PUBLISH", key("heard", channel), added)
    end
    redis.call("HINCRBY", key("windows", channel), user, 1)
    roster = redis.call("HGETALL", members)
  end
  redis.call("HINCRBY", key("channels"), channel, 1)
  redis.call("HINCRBY", key("seats", worker), seat_of(channel, user), 1)
  return roster
end

function acts.leave(...)
  local pairs_left = {...}
  for i = 1, #pairs_left, 2 do
    local channel, user = pairs_left[i], pairs_left[i + 1]
    count_down(key("seats", worker), seat_of(channel, user), 1)
    free(channel, user, 1)
  end
end

function acts.occupied(prefix)
  local found, all = {}, redis.call("HGETALL", key("channels"))
  for i = 1, #all, 2 do
    if all[i]:sub(1, #prefix) == prefix then
      table.insert(found, {all[i], tonumber(all[i + 1]), redis.call("HLEN", key("members", all[i]))})
    end
  end
  return found
end

function acts.counts(...)
  local found = {}
  for i, channel in ipairs({...}) do
    local subscriptions = redis.call("HGET", key("channels"), channel)
    found[i] = {tonumber(subscriptions or 0), redis.call("HLEN", key("members", channel))}
  end
  return found
end

function acts.users(channel) return redis.call("HKEYS", key("members", channel)) end

if act ~= "arrive" and not alive() then return "gone" end
return acts[act](unpack(ARGV, 3)) or "done"
