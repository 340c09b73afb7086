#!lua flags=no-writes
-- Reads the events of a shard from a place on.
-- KEYS: events.  ARGV: the first ID to read, as XRANGE has it   how many entries at most; '0' for none.
-- Returns the stream's last ID, how many entries it was ever given, how many it has, and those that were read.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'0-0', 0, 0, {}}
end
local info, facts = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for i = 1, #info, 2 do
  facts[info[i]] = info[i + 1]
end
local entries = {}
if ARGV[2] ~= '0' then
  entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
end
return {facts['last-generated-id'], facts['entries-added'], facts['length'], entries}
