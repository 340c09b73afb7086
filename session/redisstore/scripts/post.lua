#!lua
-- Enters a fact under a name, for a while.
-- KEYS: the facts of the name.  ARGV: the fact, ms for which it is kept, '1' if only where no other stands.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local till = now + tonumber(ARGV[2])
local others = redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%d', now), '+inf')
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and tonumber(known) > now then
  others = others - 1
end
if till <= now or ARGV[3] == '1' and others > 0 then
  return 0
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now))
redis.call('ZADD', KEYS[1], 'GT', string.format('%d', till), ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%d', tonumber(last[2])))
return 1
