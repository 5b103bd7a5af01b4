-- Takes charges back that had fitted, and lifts blocks that these brought, see block.py.
--
-- KEYS  one per charge, then, where some may lift a block, for each of them its client's record of denials and blocks
-- ARGV  the time in microseconds or "" for the server's own; the channel on which every process hears of lifted blocks;
--       then per charge: W, B or L (small letters where it may lift a block), quantity, window in seconds, cost, the
--       time of the charge, and of its state the debt of a bucket, the mark of a log
local now = server_time(ARGV[1])
local count = (#ARGV - 2) / 7

-- Whether a charge that is given back weighed on its key at the time `since`.
local function weighed(i, kind, quantity, window, at, since)
  local span = window * PARTS
  if kind == 'W' then
    return math.floor(at / span) >= math.floor(since / span) - 1
  elseif kind == 'B' then
    return owed(tonumber(ARGV[7 * i + 1]), quantity, window, since - at) > 0
  end
  return tonumber(ARGV[7 * i + 2]) > since - span
end

for i = 1, count do
  local key, letter = KEYS[i], ARGV[7 * i - 4]
  local quantity, window = tonumber(ARGV[7 * i - 3]), tonumber(ARGV[7 * i - 2])
  local cost, at = tonumber(ARGV[7 * i - 1]), tonumber(ARGV[7 * i])
  local kind = string.upper(letter)
  if kind == 'L' then
    redis.pcall('LREM', key, -cost, ARGV[7 * i + 2])
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
      local back = math.min(cost * PARTS, owed(tonumber(ARGV[7 * i + 1]), quantity, window, now - at))
      if debt > back then
        write_bucket(key, quantity, window, now, debt - back)
      else
        redis.call('DEL', key)
      end
    end
  end
  local known = letter ~= kind and redis.pcall('GET', KEYS[count + i])
  if type(known) == 'string' then
    local record, name = read_record(known), string.sub(key, 28)
    local entry = record[name]
    if block_left(entry, now) > 0 and entry[3] > 0 and weighed(i, kind, quantity, window, at, entry[3]) then
      record[name] = nil
      write_record(KEYS[count + i], record, now, now)
      redis.call('PUBLISH', ARGV[2], '1')
    end
  end
end
return redis.status_reply('OK')
