-- Fragment: chores (pull, unload): jobs of a host beside those of its models. Their room is ':<kind>', for any host, or
-- ':<kind>@<host>'. A host does one of each kind at a time; what it does stands in a hash of its own (job id -> kind), so
-- that it takes no slot and counts as no model.
-- include: keys events waiting fairness celery_message
local CHORES = {'pull', 'unload'}
local CHORE_SECONDS = 5      -- as PLACED_SECONDS of slots.lua

local function chores_key(host) return host_key(host) .. ':chores' end
local function is_chore(model) return string.sub(model, 1, 1) == ':' end

-- The room for one named host whose host nobody has ever reported.
local function nobodys_chore(model)
  local host = string.match(model, '^:%w+@(.+)$')
  return host and not redis.call('ZSCORE', HOSTS, host)
end

local function next_chore(host, kind)
  for _, lane in ipairs(LANES) do
    for _, model in ipairs({':' .. kind .. '@' .. host, ':' .. kind}) do
      local id = redis.call('ZRANGE', room(model, lane), 0, 0)[1]
      if id then return id, model, lane end
    end
  end
end

-- Whether any chore waits for the host: three commands, where looking into every room would be twelve at each placement.
local function chores_wait(host)
  for _, lane in ipairs(LANES) do
    local found = redis.call('SMISMEMBER', WAITING .. lane, ':pull', ':unload', ':pull@' .. host, ':unload@' .. host)
    if found[1] + found[2] + found[3] + found[4] > 0 then return true end
  end
end

-- Gives the host its next chores.
local function place_chores(host)
  if not chores_wait(host) then return end
  local busy = {}
  for _, kind in ipairs(redis.call('HVALS', chores_key(host))) do busy[kind] = true end
  for _, kind in ipairs(CHORES) do
    local id, model, lane = next_chore(host, kind)
    while id and not busy[kind] do
      local job = redis.call('HMGET', record(id), 'kind', 'score')
      leave(id, model, lane, '')
      if job[1] then  -- else somebody deleted the record
        served(model, lane, job[2])
        redis.call('HSET', chores_key(host), id, kind)
        redis.call('ZADD', LEASES, NOW + CHORE_SECONDS, id .. ' ' .. host)
        redis.call('HSET', record(id), 'host', host, 'lease', 'placed', 'placed_at', NOW)
        send_message(host, id, kind)
        busy[kind] = true
      else
        id, model, lane = next_chore(host, kind)
      end
    end
  end
end
