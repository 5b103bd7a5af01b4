-- What an operator does to keys: begins them anew, shuts them out, lets them in. Tells every process of the last two.
--
-- KEYS  one per policy, then for each of them its client's record of denials and blocks
-- ARGV  the time in microseconds or "" for the server's own; "forget", or seconds of a block, 0 to end one; the channel
local now = server_time(ARGV[1])
local seconds = tonumber(ARGV[2])
local count = #KEYS / 2
for i = 1, count do
  local known = redis.pcall('GET', KEYS[count + i])
  local record = read_record(type(known) == 'string' and known or '')
  local name, ends = string.sub(KEYS[i], 28), now + (seconds or 0) * 1000000
  record[name] = seconds and seconds > 0 and {ends, 0, 0} or nil
  if not seconds then
    redis.call('DEL', KEYS[i])
  end
  write_record(KEYS[count + i], record, now, ends)
end
if not seconds or seconds == 0 then
  redis.call('PUBLISH', ARGV[3], '1')
end
return redis.status_reply('OK')
