#!lua flags=no-writes
-- Reads an account.
-- KEYS: account, live.  Returns: record, live fields and values, the time in ms.
local t = redis.call('TIME')
return {redis.call('GET', KEYS[1]), redis.call('HGETALL', KEYS[2]), t[1] * 1000 + math.floor(t[2] / 1000)}
