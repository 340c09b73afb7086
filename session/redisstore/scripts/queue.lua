#!lua
-- Puts deliveries into the queue of an endpoint, those that are not in it already.
-- KEYS: due, queued, bodies, state.  ARGV: how many the queue takes, ms after which a queue that gets nothing more is
--       forgotten, and for each delivery its ID and body.
-- Returns how many were too many.
local t = redis.call('TIME')
local now = string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000))
if redis.call('HEXISTS', KEYS[4], 'off') == 1 then
  return 0
end
local room = tonumber(ARGV[1]) - redis.call('ZCARD', KEYS[1])
local lost = 0
for i = 3, #ARGV, 2 do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    if room > 0 then
      redis.call('ZADD', KEYS[1], now, ARGV[i])
      redis.call('ZADD', KEYS[2], now, ARGV[i])
      redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
      room = room - 1
    else
      lost = lost + 1
    end
  end
end
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
if lost > 0 then
  redis.call('HINCRBY', KEYS[4], 'lost', lost)
end
return lost
