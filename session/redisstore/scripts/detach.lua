#!lua
-- Removes a route, or lowers its count of connections, unless it is known in a newer epoch.
-- KEYS: live.  ARGV: field, epoch, connections.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return 0
end
local epoch, since = string.match(known, '^(%d+) %d+ (%d+)$')
if tonumber(epoch) > tonumber(ARGV[2]) then
  return 0
end
if ARGV[3] == '0' then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. since)
return 1
