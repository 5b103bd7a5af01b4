-- Takes charges back that had fitted.
--
-- KEYS  one per charge
-- ARGV  the time in microseconds or "" for the server's own; then per charge: W, B or L, quantity, window in seconds,
--       cost, the time of the charge, and of its state the debt of a bucket, the mark of a log
local now = server_time(ARGV[1])
for i, key in ipairs(KEYS) do
  local kind, quantity, window = ARGV[7 * i - 5], tonumber(ARGV[7 * i - 4]), tonumber(ARGV[7 * i - 3])
  local cost, at = tonumber(ARGV[7 * i - 2]), tonumber(ARGV[7 * i - 1])
  if kind == 'L' then
    redis.pcall('LREM', key, -cost, ARGV[7 * i + 1])
  else
    local text = redis.pcall('GET', key)
    text = type(text) == 'string' and text
    if text and kind == 'W' then
      local index, _, previous, current = read_window(text, window, now)
      local charged = math.floor(at / (window * PARTS))
      if charged == index then
        write_window(key, window, now, index, previous, math.max(0, current - cost))
      elseif charged == index - 1 then
        write_window(key, window, now, index, math.max(0, previous - cost), current)
      end
    elseif text then
      local debt = read_bucket(text, quantity, window, now)
      local back = math.min(cost * PARTS, owed(tonumber(ARGV[7 * i]), quantity, window, now - at))
      if debt > back then
        write_bucket(key, quantity, window, now, debt - back)
      else
        redis.call('DEL', key)
      end
    end
  end
end
return redis.status_reply('OK')
