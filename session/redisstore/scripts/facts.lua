#!lua flags=no-writes
-- Reads the facts that stand under a name.
-- KEYS: the facts of the name.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return redis.call('ZRANGE', KEYS[1], '(' .. string.format('%d', now), '+inf', 'BYSCORE')
