-- Moves entries of logs to the present. Returns the mark of each, by which it is given back.
--
-- KEYS  one per charge
-- ARGV  the time in microseconds or "" for the server's own; then per charge: window in seconds, cost, the mark it had
local now = server_time(ARGV[1])
local marks = {}
for i, key in ipairs(KEYS) do
  local span, cost = tonumber(ARGV[3 * i - 1]) * PARTS, tonumber(ARGV[3 * i])
  redis.pcall('LREM', key, -cost, ARGV[3 * i + 1])
  local _, _, newest = read_log(key, span, now)
  marks[i] = math.max(now, newest or 0)
  write_log(key, span, now, marks[i], cost)
end
return marks
