#!lua
-- Hands out deliveries of an endpoint that are due, for the length of a lease.
-- KEYS: due, queued, bodies, state.  ARGV: how many at most, ms of the lease, ms to hold the endpoint, and the end in ms of
--       the claimer's own hold, which is none to it, '' for none.
-- Returns the time in ms, and of each delivery its ID, body, count of claims, and when it was queued in ms.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local found = {now}
local held = redis.call('HGET', KEYS[4], 'held')
if held and held ~= ARGV[4] and tonumber(held) > now or redis.call('HEXISTS', KEYS[4], 'off') == 1 then
  return found
end
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for i = 1, #ids do
  redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[2]), ids[i])
  found[#found + 1] = ids[i]
  found[#found + 1] = redis.call('HGET', KEYS[3], ids[i])
  found[#found + 1] = redis.call('HINCRBY', KEYS[3], 'n:' .. ids[i], 1)
  found[#found + 1] = redis.call('ZSCORE', KEYS[2], ids[i])
end
if #ids > 0 and tonumber(ARGV[3]) > 0 then
  redis.call('HSET', KEYS[4], 'held', string.format('%d', now + ARGV[3]))
end
return found
