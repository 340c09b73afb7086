#!lua
-- Holds an endpoint, disables it, or enables it again.
-- KEYS: due, queued, bodies, state.  ARGV: 'hold', 'off' or 'on'; of hold, for how many ms.
-- Returns whether it was disabled before.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local off = redis.call('HEXISTS', KEYS[4], 'off')
if ARGV[1] == 'hold' then
  local held = redis.call('HGET', KEYS[4], 'held')
  local until_ = now + ARGV[2]
  if not held or tonumber(held) < until_ then
    redis.call('HSET', KEYS[4], 'held', string.format('%d', until_))
  end
elseif ARGV[1] == 'off' then
  if off == 0 then
    redis.call('HSET', KEYS[4], 'off', string.format('%d', now))
  end
  redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
else
  redis.call('HDEL', KEYS[4], 'off', 'held')
end
return off
