#!lua
-- Takes deliveries out of the queue of an endpoint, or makes them due later.
-- KEYS: due, queued, bodies.  ARGV: in how many ms they are due again, '' for never, and the IDs.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, #ARGV do
  if ARGV[1] == '' then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    redis.call('HDEL', KEYS[3], ARGV[i], 'n:' .. ARGV[i])
  else
    redis.call('ZADD', KEYS[1], 'XX', string.format('%d', now + ARGV[1]), ARGV[i])
  end
end
return 1
