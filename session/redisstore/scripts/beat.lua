#!lua
-- Renews an instance's lease, and forgets those that have run out.
-- KEYS: instances.  ARGV: instance, its description, how long a lease lives in ms.
-- Returns the time in ms, whether the lease was there to renew, the instances forgotten, and those that live with
-- the time of their last beat and their description.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local kept, dead, alive = 0, {}, {}
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  local beat = tonumber(string.match(known[i + 1], '^%d+'))
  if now - beat >= tonumber(ARGV[3]) then
    dead[#dead + 1] = known[i]
  elseif known[i] == ARGV[1] then
    kept = 1
  else
    alive[#alive + 1] = known[i]
    alive[#alive + 1] = known[i + 1]
  end
end
for i = 1, #dead do
  redis.call('HDEL', KEYS[1], dead[i])
end
local mine = string.format('%d', now) .. ' ' .. ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], mine)
alive[#alive + 1] = ARGV[1]
alive[#alive + 1] = mine
return {now, kept, dead, alive}
