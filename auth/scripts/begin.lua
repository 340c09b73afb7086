#!lua
-- Counts a login as under way, if there is room for it under every key; if not, it writes nothing.
-- KEYS: what it is counted under.  ARGV: the ms of a window, then the limit of each key.
-- Returns 1 if it was counted and 0 if not, the number of this window, the ms of it that have passed, and what each
-- key had counted before: wrong and under way in this window, wrong and under way in the last one.
-- A count is a string of these four, after the number of the window that was this one when it was written.
local length = tonumber(ARGV[1])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window = math.floor(now / length)
local passed = now - window * length
local answer, counts = {1, window, passed}, {}
for i, text in ipairs(redis.call('MGET', unpack(KEYS))) do
  local written, wrong, open, wrong_before, open_before =
    string.match(text or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  local count = {0, 0, 0, 0}
  if tonumber(written) == window then
    count = {tonumber(wrong), tonumber(open), tonumber(wrong_before), tonumber(open_before)}
  elseif tonumber(written) == window - 1 then
    count = {0, 0, tonumber(wrong), tonumber(open)}
  end
  -- As tally.fits has it.
  if (count[3] + count[4]) * (1 - passed / length) + (count[1] + count[2] + 1) > tonumber(ARGV[i + 1]) then
    answer[1] = 0
  end
  counts[i] = count
  for _, n in ipairs(count) do
    answer[#answer + 1] = n
  end
end
if answer[1] == 0 then
  return answer
end

-- Everything has been checked: from here on it only writes.
for i, count in ipairs(counts) do
  local text = string.format('%d %d %d %d %d', window, count[1], count[2] + 1, count[3], count[4])
  redis.call('SET', KEYS[i], text, 'PX', 2 * length)
end
return answer
