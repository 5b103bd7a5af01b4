-- One charge against every key, all or none: the arithmetic of window.py on the server's clock.
--
-- KEYS  one per policy, a string "index current previous"
-- ARGV  the time in microseconds or "" for the server's own; then quantity, window in seconds, 1 if enforced: per key
-- Returns 1 if admitted, else 0; then per key: fits, part, previous, current.
--
-- Lua numbers are doubles: all values stay below 2^53 and are whole.
local PARTS = 1000000
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local stored = redis.call('MGET', unpack(KEYS))
local reply = {1}
local indexes = {}
for i = 1, #KEYS do
  local quantity, window = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local span = window * PARTS
  local index = math.floor(now / span)
  local part = math.floor((now - index * span) / window)
  local previous, current = 0, 0
  local at, c, p = string.match(stored[i] or '', '^(%d+) (%d+) (%d+)$')
  at = tonumber(at)
  if at == index + 1 then
    -- The clock went back. Within one window what was counted stands, as if that window had just begun; a key from
    -- further in the future is forgotten, for it would lock its owner out until then.
    index, part = at, 0
  end
  if at == index then
    current, previous = tonumber(c), tonumber(p)
  elseif at == index - 1 then
    previous = tonumber(c)
  end
  local fits = previous * (PARTS - part) + current * PARTS + PARTS / 2 < quantity * PARTS
  if not fits and ARGV[3 * i + 1] == '1' then
    reply[1] = 0
  end
  indexes[i] = index
  reply[4 * i - 2], reply[4 * i - 1], reply[4 * i], reply[4 * i + 1] = fits and 1 or 0, part, previous, current
end

if reply[1] == 1 then
  for i = 1, #KEYS do
    if reply[4 * i - 2] == 1 then
      local current = reply[4 * i + 1] + 1
      reply[4 * i + 1] = current
      -- A key counts until the window after its own has ended.
      local left = (indexes[i] + 2) * ARGV[3 * i] * PARTS - now
      redis.call('SET', KEYS[i], indexes[i] .. ' ' .. current .. ' ' .. reply[4 * i], 'PX', math.ceil(left / 1000))
    end
  end
end
return reply
