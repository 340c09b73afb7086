#!lua
-- Removes the events of a shard that are too old.
-- KEYS: events.  ARGV: for how many ms they are kept.
local t = redis.call('TIME')
local oldest = t[1] * 1000 + math.floor(t[2] / 1000) - tonumber(ARGV[1])
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%d', oldest))
