-- One charge against every policy, all or none, on the server's clock; or a look at what it would find.
--
-- KEYS  one per policy (a string, or for logs a list), then one per client: its record of denials and blocks
-- ARGV  the time in microseconds or "" for the server's own; costs, "" for 1 each, or "peek"; the number of policies;
--       which client each policy's key belongs to, "" when there is one; then per policy: W, B or L (small letters in
--       shadow), quantity, window in seconds, "" or "burst block after"
-- Returns 1 if admitted, else 0; the time; then per policy the four numbers of its state, see contract.py: all as one
-- string of 8 bytes each, lowest first, which a client reads in a fraction of the time that a list takes it.
local now = server_time(ARGV[1])
local peek = ARGV[2] == 'peek'
local count = tonumber(ARGV[3])
local stored = redis.call('MGET', unpack(KEYS))
local costs, clients, records, looked = {}, {}, {}, {}
for cost in string.gmatch(peek and '' or ARGV[2], '%d+') do
  costs[#costs + 1] = tonumber(cost)
end
for client in string.gmatch(ARGV[4], '%d+') do
  clients[#clients + 1] = tonumber(client)
end

-- The record of the client of policy `i`; nil where there is none.
local function record_of(i)
  local at = count + (clients[i] or 1)
  if stored[at] and not records[at] then
    records[at] = read_record(stored[at])
  end
  return records[at], at
end

local reply = {1, now}

local function answer()
  return struct.pack('<' .. string.rep('i8', #reply), unpack(reply))
end

for i = 1, count do
  local kind, quantity, window = ARGV[4 * i + 1], tonumber(ARGV[4 * i + 2]), tonumber(ARGV[4 * i + 3])
  local cost = costs[i] or 1
  local enforced = kind == 'W' or kind == 'B' or kind == 'L'
  local policy = {kind = string.upper(kind), quantity = quantity, window = window, cost = cost, enforced = enforced}
  local fits, a, b, c
  if policy.kind == 'W' then
    policy.index, a, b, c = read_window(stored[i], window, now)
    fits = b * (PARTS - a) + (c + cost) * PARTS - PARTS / 2 < quantity * PARTS
  elseif policy.kind == 'B' then
    local burst = tonumber(string.match(ARGV[4 * i + 4], '^%d+')) or 0
    a, b, c = read_bucket(stored[i], quantity, window, now), 0, 0
    fits = a + cost * PARTS <= (burst > 0 and burst or quantity) * PARTS
  else
    local span = window * PARTS
    local oldest
    a, oldest, policy.newest = read_log(KEYS[i], span, now)
    b, c = oldest and oldest + span - now or 0, 0
    policy.oldest = oldest
    fits = a + cost <= quantity
    if not fits and cost > quantity then
      c = 2 * span
    elseif not fits then
      c = tonumber(redis.call('LINDEX', KEYS[i], a + cost - quantity - 1)) + span - now
    end
  end
  policy.fits = fits and 1 or 0
  local record = enforced and record_of(i)
  local left = record and block_left(record[string.sub(KEYS[i], 28)], now) or 0
  if left > 0 then
    policy.fits, a, b, c = -1, left, 0, 0
  end
  if enforced and policy.fits < 1 then
    reply[1] = 0
  end
  looked[i] = policy
  reply[4 * i - 1], reply[4 * i], reply[4 * i + 1], reply[4 * i + 2] = policy.fits, a, b, c
end

if peek then
  return answer()
end

if reply[1] == 1 then
  for i = 1, count do
    local policy = looked[i]
    local cost, quantity, window = policy.cost, policy.quantity, policy.window
    if policy.fits == 1 and cost > 0 then
      if policy.kind == 'W' then
        local current = reply[4 * i + 2] + cost
        reply[4 * i + 2] = current
        write_window(KEYS[i], window, now, policy.index, reply[4 * i + 1], current)
      elseif policy.kind == 'B' then
        local debt = reply[4 * i] + cost * PARTS
        reply[4 * i] = debt
        write_bucket(KEYS[i], quantity, window, now, debt)
      else
        local mark = math.max(now, policy.newest or 0)
        write_log(KEYS[i], window * PARTS, now, mark, cost)
        reply[4 * i] = reply[4 * i] + cost
        reply[4 * i + 1] = (policy.oldest or mark) + window * PARTS - now
        reply[4 * i + 2] = mark
      end
    end
  end
  return answer()
end

-- Denied: a policy that blocks takes it down.
for i = 1, count do
  local policy = looked[i]
  local block, after = string.match(ARGV[4 * i + 4], '^%d+ (%d+) (%d+)$')
  block = tonumber(block) or 0
  if policy.enforced and policy.fits == 0 and block > 0 then
    local record, at = record_of(i)
    record = record or {}
    records[at] = record
    stored[at] = stored[at] or ''
    local name = string.sub(KEYS[i], 28)
    local known = record[name] or {0, 0, 0}
    local since = now - known[3]
    local span = policy.window * PARTS
    local in_row = 1
    if known[2] > 0 and since >= 0 and since <= span then
      in_row = known[2] + 1
    end
    if in_row >= tonumber(after) then
      record[name] = {now + block * 1000000, 0, now}
      reply[4 * i - 1], reply[4 * i], reply[4 * i + 1], reply[4 * i + 2] = -1, block * 1000000, 0, 0
      write_record(KEYS[at], record, now, now + block * 1000000)
    else
      record[name] = {0, in_row, now}
      write_record(KEYS[at], record, now, now + span)
    end
  end
end
return answer()
