#!lua flags=no-writes
-- Reads the events of a shard from a place on, or from there back.
-- KEYS: events.  ARGV: 1 'XRANGE', or 'XREVRANGE' to read back   2 and 3 where to begin and to end, as the command has it
--                      4 how many entries at most; '0' for none.
-- Returns the stream's last ID, how many entries it was ever given, how many it has, and those that were read.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'0-0', 0, 0, {}}
end
local info, facts = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for i = 1, #info, 2 do
  facts[info[i]] = info[i + 1]
end
local entries = {}
if ARGV[4] ~= '0' then
  entries = redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4])
end
return {facts['last-generated-id'], facts['entries-added'], facts['length'], entries}
