#!lua
-- Records a route, and then reads the account, as load does.
-- KEYS: account, live.  ARGV: field, epoch, connections, ms from which it only reads, '' for never.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local record = redis.call('GET', KEYS[1])
if not record then
  return {false, {}, now}
end
local known = redis.call('HGET', KEYS[2], ARGV[1])
if ARGV[4] ~= '' and now >= tonumber(ARGV[4]) then
  known = ARGV[2] -- whoever wanted the route has given up
end
if not known or tonumber(string.match(known, '^%d+')) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. string.format('%d', now))
  local keep = redis.call('PEXPIRETIME', KEYS[1])
  if keep > 0 then
    redis.call('PEXPIREAT', KEYS[2], keep)
  end
end
return {record, redis.call('HGETALL', KEYS[2]), now}
