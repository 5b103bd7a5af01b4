-- The counters of one policy and key, as window.py, bucket.py and log.py have them. Lua numbers are doubles: all values
-- that matter stay below 2^53 and are whole. Prepended to the scripts that read them.
local PARTS = 1000000

-- index, part, previous, current at `now`, of a string "index current previous".
local function read_window(text, window, now)
  local span = window * PARTS
  local index = math.floor(now / span)
  local part = math.floor((now - index * span) / window)
  local at, current, previous = string.match(text or '', '^(%d+) (%d+) (%d+)$')
  at = tonumber(at)
  if at == index + 1 then
    -- The clock went back. Within one window what was counted stands, as if that window had just begun; a key from
    -- further in the future is forgotten, for it would lock its owner out until then.
    index, part = at, 0
  end
  if at == index then
    return index, part, tonumber(previous), tonumber(current)
  elseif at == index - 1 then
    return index, part, tonumber(current), 0
  end
  return index, part, 0, 0
end

local function write_window(key, window, now, index, previous, current)
  -- A key counts until the window after its own has ended.
  local left = (index + 2) * window * PARTS - now
  local text = whole(index) .. ' ' .. whole(current) .. ' ' .. whole(previous)
  redis.call('SET', key, text, 'PX', math.ceil(left / 1000))
end

local function owed(debt, quantity, window, elapsed)
  local passed = math.abs(elapsed)
  local windows = math.floor(passed / window)
  local rest = passed - windows * window
  local left = math.max(0, debt - windows * quantity - math.floor(rest * quantity / window))
  if elapsed < 0 and left > 0 then
    return debt
  end
  return left
end

-- The debt at `now`, of a string "time debt".
local function read_bucket(text, quantity, window, now)
  local at, debt = string.match(text or '', '^(%d+) (%d+)$')
  if not at then
    return 0
  end
  return owed(tonumber(debt), quantity, window, now - tonumber(at))
end

local function write_bucket(key, quantity, window, now, debt)
  local ttl = math.ceil(debt / math.max(quantity, 1) * window / 1000) + 1
  redis.call('SET', key, whole(now) .. ' ' .. whole(debt), 'PX', ttl)
end

-- How many times are in the log, none of them expired, and the oldest of them.
local function read_log(key, span, now)
  local last = redis.pcall('LINDEX', key, -1)
  local newest = type(last) == 'string' and tonumber(last)
  local oldest = newest and newest <= now + span and newest > now - span and tonumber(redis.call('LINDEX', key, 0))
  while oldest and oldest <= now - span do
    redis.call('LPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, 0))
  end
  if not oldest then
    -- Expired, from a clock that has gone back since, or not of this script's making.
    if last then
      redis.call('DEL', key)
    end
    return 0, nil, nil
  end
  return redis.call('LLEN', key), oldest, newest
end

local function write_log(key, span, now, mark, cost)
  local text = whole(mark)
  for _ = 1, cost do
    redis.call('RPUSH', key, text)
  end
  redis.call('PEXPIRE', key, math.ceil((mark + span - now) / 1000) + 1)
end
