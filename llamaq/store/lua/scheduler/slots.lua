-- Fragment: hosts, their slots, and placement, the only code that gives a slot.
-- A slot is a field (job id -> model) in the host's hash, with a lease in LEASES ('<job id> <host>', by when it lapses).
-- While the record's `lease` is 'placed' the job has a slot and has not begun; `claim` makes it 'claimed'.
-- include: keys events waiting circuit fairness residence choosing chores celery_message
local HOST_SECONDS = 15      -- three probes: a host not reported for longer gets nothing
local PLACED_SECONDS = 5     -- a placed job that no worker claimed goes back after this long

local function live(host)
  local seen = redis.call('ZSCORE', HOSTS, host)
  return seen and tonumber(seen) > NOW - HOST_SECONDS and not shut(host)
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
  redis.call('HSET', record(id), 'host', host, 'lease', 'placed', 'placed_at', NOW)
end

local function drop(host, id)
  local model = redis.call('HGET', slots_key(host), id)
  redis.call('HDEL', slots_key(host), id)
  redis.call('HDEL', chores_key(host), id)
  redis.call('ZREM', LEASES, id .. ' ' .. host)
  if model then unused(host, model) end
  -- A cancelled job may outlive its record while a frozen worker holds its slot: do not make a new record of one field.
  if redis.call('EXISTS', record(id)) == 1 then redis.call('HSET', record(id), 'lease', '') end
end

-- The host as placement sees it; nil where nothing is free.
local function state_of(host)
  local spec = redis.call('HMGET', host_key(host), 'slots', 'max_models', 'patience', 'lane_patience')
  local at = {slots = tonumber(spec[1] or 0), max_models = tonumber(spec[2] or 0), patience = tonumber(spec[3] or 15),
    lane_patience = tonumber(spec[4] or 60)}
  if redis.call('HLEN', slots_key(host)) >= at.slots * at.max_models then return nil end
  at.running, at.models = usage(host)
  at.resident = in_memory(host, at.running)
  return at
end

-- Gives the job the slot, and sends Celery's message to the host's queue.
local function give(host, job, kind, score, runner, at)
  served(job.model, job.lane, score)
  hold(host, job.id, job.model)
  redis.call('HSET', host_key(host), 'given_at', NOW)
  if not job.runner then bring(host, job.model, runner, at.resident, at.running, at.max_models) end
  if not at.running[job.model] then at.models = at.models + 1 end
  at.running[job.model] = (at.running[job.model] or 0) + 1
  send_message(host, job.id, kind)
end

local expire  -- of endings.lua, where a script has it

-- Fills the host's free slots.
local function place(host)
  if not live(host) then return end
  place_chores(host)
  local admitted = admission(host)
  local at = admitted ~= 'none' and state_of(host)
  while at do
    local job = choose(host, at)
    if not job then return end
    leave(job.id, job.model, job.lane, job.runner)
    local known = redis.call('HMGET', record(job.id), 'kind', 'score', 'runner', 'start_by', 'attempt')
    if not known[1] then  -- somebody deleted the record: to place it would make a new one of two fields
      if job.runner then redis.call('ZREM', runner_room(job.model, job.lane, job.runner), job.id) end
    elseif expire and known[4] ~= '' and known[5] == '0' and tonumber(known[4]) < NOW then
      expire(job.id)
      at = state_of(host)  -- the next turn of its conversation may have been placed here meanwhile
    else
      give(host, job, known[1], known[2], known[3], at)
      if admitted == 'one' then return on_trial(host, job.id) end
    end
  end
end

-- Places a model's jobs: first where it is in memory, then where most is free, and among equals where a job was placed
-- longest ago.
local function place_model(model)
  if is_chore(model) then
    for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, NOW - HOST_SECONDS, '+inf')) do place(host) end
    return
  end
  local found = {}
  for index, host in ipairs(hosts_of(model)) do
    local spec = redis.call('HMGET', host_key(host), 'slots', 'given_at')
    found[index] = {host = host, cold = 1 - redis.call('HEXISTS', resident_key(host), model),
      used = redis.call('HLEN', slots_key(host)) / math.max(tonumber(spec[1] or 1), 1), given = tonumber(spec[2] or 0)}
  end
  table.sort(found, function(a, b)
    if a.cold ~= b.cold then return a.cold < b.cold end
    if a.used ~= b.used then return a.used < b.used end
    return a.given < b.given
  end)
  for _, entry in ipairs(found) do place(entry.host) end
end
