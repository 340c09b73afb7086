#!lua
-- Makes a change to an account, if it is still at the version that the change was made from.
-- KEYS: account, live, due, events, told.
-- ARGV: 1 the version it must be at, 16 bytes or none   2 the record, which begins with its new version
--       3 ms until which it is kept, '' for ever, '0' not at all   4 ms of its deadline, '' for none
--       5 its member in due   6 ms from which the change is refused, '' for never   7 the events, '' for none
--       8 how many events are kept, about   9 the shard, in decimal   10 the inbox's prefix
--       11 the live sessions, each after a space   12 the ended ones without a receipt in the record, likewise
--       13 ms: a route that is older counts only if its instance lives, '' for none
--       14 the instances that live, with a space before and after each
--       15 the sessions that it ends, each with = and ms of its last activity, after a space
--       16 ms before which the change is refused, '' for none
-- Returns a list: of one, a field for each session that it has ended and told; or the snapshot it lost to, as load does.
local version = redis.call('GETRANGE', KEYS[1], 0, 15)
if version == string.sub(ARGV[2], 1, 16) then
  local sent = {}
  for session in string.gmatch(ARGV[15], '(%x+)=') do
    if redis.call('HEXISTS', KEYS[2], 't:' .. session) == 1 then
      sent[#sent + 1] = 't:' .. session
    end
  end
  return {sent}
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if version ~= ARGV[1] or ARGV[6] ~= '' and now >= tonumber(ARGV[6]) or ARGV[16] ~= '' and now < tonumber(ARGV[16]) then
  return {redis.call('GET', KEYS[1]), redis.call('HGETALL', KEYS[2]), now}
end
local ending = {}
for session, at in string.gmatch(ARGV[15], '(%x+)=(%-?%d+)') do
  ending[session] = true
  local active = redis.call('HGET', KEYS[2], 'a:' .. session)
  if active and tonumber(active) > tonumber(at) then
    return {redis.call('GET', KEYS[1]), redis.call('HGETALL', KEYS[2]), now}
  end
end
local fields = redis.call('HGETALL', KEYS[2])

-- Everything has been checked: from here on it only writes.
if ARGV[3] == '0' then
  -- The version alone stays for a minute, so that the change can be told from another if it is sent again.
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 1, 16), 'PX', 60000)
  redis.call('DEL', KEYS[2])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end
-- Whoever finds the account due looks again, so its place may be too early, and it need not move at each login.
local due = redis.call('ZSCORE', KEYS[3], ARGV[5])
if ARGV[4] == '' then
  if due then
    redis.call('ZREM', KEYS[3], ARGV[5])
  end
elseif not due or tonumber(due) <= now or tonumber(due) > tonumber(ARGV[4]) then
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[5])
end

-- The routes of dead instances are forgotten, those of sessions that are not live told and forgotten. Whom the last
-- change has told the record says by now, as far as it keeps them.
local told, gone, sent = {}, {}, {}
for i = 1, #fields, 2 do
  local sort, session = string.match(fields[i], '^(%a):(%x+)')
  local instance = string.sub(fields[i], 36)
  if sort == 'k' then
    if not string.find(ARGV[12], session, 1, true) then
      gone[#gone + 1] = fields[i]
    end
  elseif sort == 'r' and ARGV[13] ~= '' and tonumber(string.match(fields[i + 1], '%d+$')) <= tonumber(ARGV[13])
      and not string.find(ARGV[14], ' ' .. instance .. ' ', 1, true) then
    gone[#gone + 1] = fields[i]
  elseif not string.find(ARGV[11], session, 1, true) then
    gone[#gone + 1] = fields[i]
    if sort == 'r' then
      told[instance] = 0
      if ending[session] then
        ending[session] = nil -- once, however many routes it has
        sent[#sent + 1] = 't:' .. session
        redis.call('HSET', KEYS[2], 't:' .. session, '1')
      end
    end
  end
end
for i = 1, #gone, 1000 do
  redis.call('HDEL', KEYS[2], unpack(gone, i, math.min(i + 999, #gone)))
end
if #sent > 0 or #gone * 2 < #fields then
  if ARGV[3] == '' then
    redis.call('PERSIST', KEYS[2])
  elseif ARGV[3] == '0' then
    redis.call('PEXPIRE', KEYS[2], 60000)
  else
    redis.call('PEXPIREAT', KEYS[2], ARGV[3])
  end
end

if ARGV[7] ~= '' then
  local addressees = ''
  for instance in pairs(told) do
    local last = redis.call('HGET', KEYS[5], instance)
    told[instance] = (last and tonumber(string.match(last, '^%d+')) or 0) + 1
    addressees = addressees .. instance .. ' ' .. told[instance] .. ' '
  end
  local id = redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[8], '*', 'e', ARGV[7], 't', addressees)
  for instance, number in pairs(told) do
    redis.call('HSET', KEYS[5], instance, number .. ' ' .. id)
    redis.call('PUBLISH', ARGV[10] .. instance, ARGV[9] .. ' ' .. number .. ' ' .. id .. '\n' .. ARGV[7])
  end
end
return {sent}
