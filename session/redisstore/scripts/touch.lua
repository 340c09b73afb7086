#!lua
-- Records activity of a session, a loss of messages to it, or the receipt of its notice; or takes a loss back.
-- KEYS: account, live.  ARGV: field, ms ago, ms for which activity keeps the account or 0, '1' for a receipt,
--       ms up to which the field is removed instead, '' for not.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local known = redis.call('HGET', KEYS[2], ARGV[1])
if ARGV[5] ~= '' then
  if known and tonumber(known) <= tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[2], ARGV[1])
  end
  return 0
end
local t = redis.call('TIME')
local at = t[1] * 1000 + math.floor(t[2] / 1000) - tonumber(ARGV[2])
if known and (ARGV[4] == '1') == (tonumber(known) <= at) then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', at))
local keep = redis.call('PEXPIRETIME', KEYS[1])
if keep > 0 then
  local longer = at + tonumber(ARGV[3])
  if tonumber(ARGV[3]) > 0 and longer > keep then
    keep = longer
    redis.call('PEXPIREAT', KEYS[1], keep)
  end
  redis.call('PEXPIREAT', KEYS[2], keep)
end
return 1
