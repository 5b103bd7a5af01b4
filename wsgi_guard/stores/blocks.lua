-- Records of denials and blocks, one key per client: "policy until denials last", joined by ";". See block.py.
-- Prepended to the scripts that read them.
local LONGEST = 366 * 86400 * 1000000

local function whole(number)
  return string.format('%.0f', number)
end

local function read_record(text)
  local record = {}
  for name, until_, denials, last in string.gmatch(text or '', '([^ ;]+) (%d+) (%d+) (%d+)') do
    record[name] = {tonumber(until_), tonumber(denials), tonumber(last)}
  end
  return record
end

-- Microseconds until the block ends, 0 when there is none.
local function block_left(entry, now)
  local left = entry and entry[1] - now or 0
  if left > 0 and left <= LONGEST then
    return left
  end
  return 0
end

-- Writes what is left of a record, to live until `matters` at least.
local function write_record(key, record, now, matters)
  local parts = {}
  for name, entry in pairs(record) do
    if entry[2] > 0 or entry[1] > now then
      parts[#parts + 1] = name .. ' ' .. whole(entry[1]) .. ' ' .. whole(entry[2]) .. ' ' .. whole(entry[3])
    end
  end
  if #parts == 0 then
    redis.call('DEL', key)
    return
  end
  local ttl = math.max(redis.call('PTTL', key), math.ceil((matters - now) / 1000), 1)
  redis.call('SET', key, table.concat(parts, ';'), 'PX', ttl)
end

local function server_time(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
