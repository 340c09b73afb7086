#!lua
-- Ends a login that begin has counted: it stays counted if its password was wrong.
-- KEYS: what it was counted under.  ARGV: the number of the window it was counted in, '1' if it was wrong.
for i, text in ipairs(redis.call('MGET', unpack(KEYS))) do
  local written, wrong, open, wrong_before, open_before =
    string.match(text or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  local place = written and (tonumber(written) - tonumber(ARGV[1])) * 2 + 1
  if place == 1 or place == 3 then
    local count = {tonumber(wrong), tonumber(open), tonumber(wrong_before), tonumber(open_before)}
    count[place] = count[place] + tonumber(ARGV[2])
    count[place + 1] = math.max(0, count[place + 1] - 1)
    if count[1] + count[2] + count[3] + count[4] == 0 then
      redis.call('DEL', KEYS[i])
    else
      redis.call('SET', KEYS[i], string.format('%d %d %d %d %d', written, unpack(count)), 'KEEPTTL')
    end
  end
end
return 1
