#!lua
-- Sends a message to the instances with a route to a session of an account, and reads the account, as load does.
-- KEYS: account, live.
-- ARGV: 1 how the message begins, up to its time   2 its data   3 the inbox's prefix
--       4 the session it is for, '' for all   5 ms from which it is refused, '' for never
--       6 ms: a route that is older counts only if its instance lives, '' for none
--       7 the instances that live, with a space before and after each
-- Returns 2 when refused.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if ARGV[5] ~= '' and now >= tonumber(ARGV[5]) then
  return 2
end
local record = redis.call('GET', KEYS[1])
local fields = redis.call('HGETALL', KEYS[2])
local to = {}
for i = 1, record and #fields or 0, 2 do
  local session, instance = string.match(fields[i], '^r:(%x+):(.*)$')
  if session and (ARGV[4] == '' or ARGV[4] == session) and (ARGV[6] == ''
      or tonumber(string.match(fields[i + 1], '%d+$')) > tonumber(ARGV[6])
      or string.find(ARGV[7], ' ' .. instance .. ' ', 1, true)) then
    to[instance] = (to[instance] or '') .. ' ' .. session
  end
end
for instance, sessions in pairs(to) do
  redis.call('PUBLISH', ARGV[3] .. instance, ARGV[1] .. string.format('%d', now) .. sessions .. '\n' .. ARGV[2])
end
return {record, fields, now}
