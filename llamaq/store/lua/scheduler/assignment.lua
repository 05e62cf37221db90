-- Fragment: slots, and the assignment of jobs to them. `fill_host` here and `assign_host_jobs` (host_jobs.lua) are the
-- only code that assigns a job to a host.
-- A slot is a field (job id -> model) in the host's `:slots` hash, with a lease in LEASES ('<job id> <host>', by its expiry).
-- An assigned job's record has the `lease` 'assigned'; `claim` makes it 'claimed'.
-- The end or the requeue of a job may make a job of another model assignable. The model is noted in PENDING, and the
-- script assigns its jobs last: with `assign`, `assign_model` or `assign_pending`.
-- include: keys events queue circuit_state refusals fairness loaded_models next_job lease host_jobs celery_message
local PENDING = {}           -- models, in the order in which they were noted

local function is_live(host)
  local seen = redis.call('ZSCORE', HOSTS, host)
  return seen and tonumber(seen) > NOW - HOST_SECONDS and not is_open(host)
end

-- Live hosts that have the model.
local function live_hosts_of(model)
  local found = {}
  for _, host in ipairs(redis.call('SMEMBERS', model_hosts_key(model))) do
    if is_live(host) then found[#found + 1] = host end
  end
  return found
end

local function free_slot(host, id)
  local model = redis.call('HGET', slots_key(host), id)
  redis.call('HDEL', slots_key(host), id)
  redis.call('HDEL', host_jobs_key(host), id)
  redis.call('ZREM', LEASES, id .. ' ' .. host)
  if model then loads.end_unused(host, model) end
  -- The record of a cancelled job may expire while a frozen worker holds the slot. HSET would make a new record.
  if redis.call('EXISTS', record(id)) == 1 then redis.call('HSET', record(id), 'lease', '') end
end

-- The state of a host for the assignment; nil where no slot is free. `trial` is the last trial, where the next job is one.
local function host_state(host, admitted)
  local spec = fields(host_key(host), 'slots', 'max_models', 'patience', 'lane_patience', 'trial', 'default_ctx')
  local slots, max_models = tonumber(spec.slots or 0), tonumber(spec.max_models or 0)
  if redis.call('HLEN', slots_key(host)) >= slots * max_models then return nil end
  local running, models = loads.usage(host)
  return {slots = slots, max_models = max_models, load_wait = tonumber(spec.patience or 15),
    lane_wait = tonumber(spec.lane_patience or 60), running = running, models = models, loaded = loads.now(host, running),
    default_ctx = tonumber(spec.default_ctx), refusals = refusals.on(host), trial = admitted == 'one' and (spec.trial or '')}
end

-- Gives the job a slot, and sends Celery's message to the host's queue.
local function assign_slot(host, job, kind, score, runner, state)
  advance_virtual_time(job.model, job.lane, score)
  redis.call('HSET', slots_key(host), job.id, job.model)
  begin_lease(host, job.id)
  redis.call('HSET', host_key(host), 'assigned_at', NOW)
  if job.needs_load then loads.begin(host, job.spec, runner, state) end
  if not state.running[job.as] then state.models = state.models + 1 end
  state.running[job.as] = (state.running[job.as] or 0) + 1
  send_message(host, job.id, kind)
end

local expire_job  -- defined in ending.lua; nil in a script that does not include it

-- Assigns jobs to the host's free slots.
local function fill_host(host)
  if not is_live(host) then return end
  assign_host_jobs(host)
  local admitted = jobs_admitted(host)
  local state = admitted ~= 'none' and host_state(host, admitted)
  local job = state and next_job(host, state)
  local set_aside = 0
  while job and set_aside < newer.MOST do
    dequeue(job.id, job.model, job.lane, job.runner)
    local known = fields(record(job.id), 'v', 'kind', 'state', 'score', 'runner', 'start_by', 'attempt')
    -- Deleted by hand, or damaged and ended. An assignment would write a record of a few fields.
    if not (known.kind and tonumber(known.score)) or TERMINAL[known.state] then
      if job.runner then redis.call('ZREM', runner_queue_key(job.model, job.lane, job.runner), job.id) end
    elseif newer.set_aside(job.id, known.v) then
      set_aside = set_aside + 1
    elseif expire_job and known.start_by ~= '' and known.attempt == '0' and tonumber(known.start_by) < NOW then
      expire_job(job.id)
    else
      assign_slot(host, job, known.kind, known.score, known.runner, state)
      refusals.set_trial(host, job.model, state.refusals[job.model], job.id)
      if admitted == 'one' then return set_trial(host, job.id) end
    end
    job = next_job(host, state)
  end
end

-- Assigns jobs of one model: first on hosts that have it loaded, then where most slots are free, and among equals where
-- a job was assigned longest ago.
local function fill_hosts_of(model)
  if is_host_job(model) then
    for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, NOW - HOST_SECONDS, '+inf')) do fill_host(host) end
    return
  end
  local found = {}
  for index, host in ipairs(live_hosts_of(model)) do
    local spec = fields(host_key(host), 'slots', 'assigned_at')
    found[index] = {host = host, cold = 1 - redis.call('HEXISTS', loaded_key(host), runners.of(host, model).as),
      used = redis.call('HLEN', slots_key(host)) / math.max(tonumber(spec.slots or 1), 1),
      assigned_at = tonumber(spec.assigned_at or 0)}
  end
  table.sort(found, function(a, b)
    if a.cold ~= b.cold then return a.cold < b.cold end
    if a.used ~= b.used then return a.used < b.used end
    return a.assigned_at < b.assigned_at
  end)
  for _, entry in ipairs(found) do fill_host(entry.host) end
end

-- Assigns jobs of the noted models, and of those that are noted meanwhile.
local function assign_pending()
  while PENDING[1] do fill_hosts_of(table.remove(PENDING, 1)) end
end

local function assign(host)
  fill_host(host)
  assign_pending()
end

local function assign_model(model)
  fill_hosts_of(model)
  assign_pending()
end
