-- Fragment: hosts, their slots, and placement, the only code that gives a slot.
-- A slot is a field (job id -> model) in the host's hash, with a lease in LEASES ('<job id> <host>', by when it lapses).
-- While the record's `lease` is 'placed' the job has a slot and has not begun; `claim` makes it 'claimed'.
local HOST_SECONDS = 15      -- three probes: a host not reported for longer gets nothing
local PLACED_SECONDS = 5     -- a placed job whose doorbell nobody answered goes back after this long

local function live(host)
  local seen = redis.call('ZSCORE', HOSTS, host)
  return seen and tonumber(seen) > NOW - HOST_SECONDS
end

-- Live hosts that have the model.
local function hosts_of(model)
  local found = {}
  for _, host in ipairs(redis.call('SMEMBERS', model_hosts(model))) do
    if live(host) then found[#found + 1] = host end
  end
  return found
end

local function hold(host, id, model)
  redis.call('HSET', slots_key(host), id, model)
  redis.call('ZADD', LEASES, NOW + PLACED_SECONDS, id .. ' ' .. host)
  redis.call('HSET', record(id), 'host', host, 'lease', 'placed')
end

local function drop(host, id)
  redis.call('HDEL', slots_key(host), id)
  redis.call('ZREM', LEASES, id .. ' ' .. host)
  -- A cancelled job may outlive its record while a frozen worker holds its slot: do not make a new record of one field.
  if redis.call('EXISTS', record(id)) == 1 then redis.call('HSET', record(id), 'lease', '') end
end

-- Requests running on the host: per model, and the number of models.
local function usage(host)
  local running, models = {}, 0
  for _, model in ipairs(redis.call('HVALS', slots_key(host))) do
    if not running[model] then models = models + 1 end
    running[model] = (running[model] or 0) + 1
  end
  return running, models
end

-- The next job for the host: the highest lane first, within it the lowest score over the models that fit.
local function next_job(host, slots, max_models, running, models)
  for _, lane in ipairs(LANES) do
    local best, best_model
    for _, model in ipairs(redis.call('SINTER', WAITING .. lane, host_models(host))) do
      local taken = running[model]
      if (taken and taken < slots) or (not taken and models < max_models) then
        local head = redis.call('ZRANGE', room(model, lane), 0, 0, 'WITHSCORES')
        if head[1] and (not best or tonumber(head[2]) < tonumber(best[2])) then best, best_model = head, model end
      end
    end
    if best then return best[1], best_model, lane end
  end
end

-- Fills the host's free slots. Each job placed is added to `rings` as id, kind, host: the caller rings Celery's doorbell.
local function place(host, rings)
  if not live(host) then return end
  local spec = redis.call('HMGET', host_key(host), 'slots', 'max_models')
  local slots, max_models = tonumber(spec[1] or 0), tonumber(spec[2] or 0)
  local running, models = usage(host)
  while true do
    local id, model, lane = next_job(host, slots, max_models, running, models)
    if not id then return end
    leave(id, model, lane)
    local kind = redis.call('HGET', record(id), 'kind')
    if kind then  -- else somebody deleted the record: to place it would make a new one of two fields
      hold(host, id, model)
      if not running[model] then models = models + 1 end
      running[model] = (running[model] or 0) + 1
      rings[#rings + 1] = id
      rings[#rings + 1] = kind
      rings[#rings + 1] = host
    end
  end
end

local function place_model(model, rings)
  for _, host in ipairs(hosts_of(model)) do place(host, rings) end
end
