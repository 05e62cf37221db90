-- Fragment: slots, and the assignment of jobs to them. `fill_host` here and `assign_host_jobs` (host_jobs.lua) are the
-- only code that assigns a job to a host.
-- A slot is a field (job id -> model) in the host's `:slots` hash, with a lease in LEASES ('<job id> <host>', by its expiry).
-- An assigned job's record has the `lease` 'assigned'; `claim` makes it 'claimed'.
-- A host whose slot became free, and a model with a new job in its queue, are noted in PENDING. The script assigns last:
-- with `assign`, `assign_model` or `assign_pending`.
-- include: keys events queue circuit_state pauses refusals fairness loaded_models next_job exclusions lease host_jobs offers celery_message
local PENDING = {hosts = {}, models = {}}  -- in the order in which they were noted

local function note(list, name)
  if not list[name] then list[#list + 1] = name end
  list[name] = true
end

-- Removes what is left of a deleted job.
local function forget_record(id)
  redis.call('DEL', record(id), log(id))
  redis.call('ZREM', JOBS, id)
  redis.call('ZREM', EXPIRING, id)
end

local function free_slot(host, id)
  local model = redis.call('HGET', slots_key(host), id)
  redis.call('HDEL', slots_key(host), id)
  if not model then redis.call('HDEL', host_jobs_key(host), id) end
  redis.call('ZREM', LEASES, id .. ' ' .. host)
  if model then loads.end_unused(host, model) end
  -- The record of a cancelled job may expire while a frozen worker holds the slot. HSET would make a new record.
  local state = redis.call('HGET', record(id), 'state')
  if state == 'deleted' then forget_record(id) elseif state then redis.call('HSET', record(id), 'lease', '') end
  note(PENDING.hosts, host)
end

-- Its slots, and the models that run on it at a time; 0 where no worker has said so. The settings allow no more than these.
local function host_size(spec) return damage.number(spec.slots, 0, 1001), damage.number(spec.max_models, 0, 101) end

-- The state of a host for the assignment. `trial` is the last trial, where the next job is one.
local function host_state(host, spec, admitted)
  local running, models, used = loads.usage(host)
  local slots, max_models = host_size(spec)
  return {slots = slots, max_models = max_models, used = used,
    load_wait = damage.number(spec.patience, 15), lane_wait = damage.number(spec.lane_patience, 60),
    running = running, models = models, loaded = loads.now(host, running), default_ctx = damage.number(spec.default_ctx),
    refusals = refusals.on(host), trial = admitted == 'one' and (spec.trial or ''),
    assigned_at = damage.number(spec.assigned_at, 0)}
end

-- The first job that `host` gets in this script. It has no message, because finish.lua, which sets `host`, claims it.
local direct = {host = nil, id = nil, kind = nil}

-- Gives the job a slot, and sends Celery's message to the host's queue.
local function assign_slot(host, job, kind, score, runner, state)
  -- With jobs left out, the virtual time would pass over those behind them.
  advance_virtual_time(job.model, job.lane, state.open_to and 0 or score)
  redis.call('HSET', slots_key(host), job.id, job.model)
  begin_lease(host, job.id)
  redis.call('HSET', host_key(host), 'assigned_at', NOW)
  if job.needs_load then loads.begin(host, job.spec, runner, state) end
  if not state.running[job.as] then state.models = state.models + 1 end
  state.running[job.as] = (state.running[job.as] or 0) + 1
  state.used, state.assigned_at = state.used + 1, NOW
  if direct.host == host and not direct.id then
    direct.id, direct.kind = job.id, kind
  else
    send_message(host, job.id, kind)
  end
end

local expire_job  -- defined in ending.lua; nil in a script that does not include it

-- Assigns jobs to the free slots of a host, as it is in `state`. Returns whether it is to get no more: it got its trial.
local function fill_slots(host, state)
  local set_aside = 0
  while state.used < state.slots * state.max_models and set_aside < newer.MOST and (new_job or is_any_waiting()) do
    local job, known = exclusions.next_job(host, state)
    if not job then return false end
    if new_job then new_job = nil else dequeue(job.id, job.model, job.lane, known, job.runner) end
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
      if state.trial then
        set_trial(host, job.id)
        return true
      end
    end
  end
  return false
end

-- Assigns jobs to the host's free slots.
local function fill_host(host)
  local spec = host_spec(host)
  if not is_live(host, spec) then return offers.update(host, spec, nil) end
  local pause = pauses.of_host(host)
  if pause ~= 'draining' and is_any_waiting() then assign_host_jobs(host) end
  if pause then return offers.update(host, spec, nil) end
  local admitted = decide_admission(host, spec)
  local state = admitted ~= 'none' and host_state(host, spec, admitted) or nil
  if state and fill_slots(host, state) then state = nil end
  offers.update(host, spec, state)
end

-- Fills hosts while jobs of the model wait.
local function fill_hosts(model, hosts)
  for _, host in ipairs(hosts) do
    if not (new_job or is_waiting(model)) then return end
    fill_host(host)
  end
end

-- Assigns jobs of one model to the hosts with the best offers. Where none of these takes them, others are asked: each is
-- asked in one of the reaper's rounds.
local function fill_hosts_of(model)
  local target = host_of(model)
  if is_host_job(model) then
    return fill_hosts(model, target and {target} or redis.call('ZRANGEBYSCORE', HOSTS, NOW - HOST_SECONDS, '+inf'))
  end
  local best = redis.call('ZRANGE', offers_key(model), 0, offers.ASKED - 1)
  fill_hosts(model, best)
  if #best == offers.ASKED then fill_hosts(model, redis.call('ZRANDMEMBER', offers_key(model), offers.ASKED)) end
end

-- Assigns jobs to the hosts, and jobs of the models, that are noted, until none is: an assignment may note more.
local function assign_pending()
  local hosts, models = PENDING.hosts, PENDING.models
  while hosts[1] or models[1] do
    local list = hosts[1] and hosts or models
    local name = table.remove(list, 1)
    list[name] = nil
    if list == hosts then fill_host(name) else fill_hosts_of(name) end
  end
end

-- Assigns a job that is in no queue, while none waits. Returns whether a host took it: else it is to be queued, and all hosts
-- were asked that `assign_model` would ask. `job` has what the queue and the record say of it.
local function assign_new(job)
  new_job, schedule.nothing_waits = job, true
  local ok, fault = pcall(fill_hosts_of, job.model)
  local taken = not new_job
  new_job, schedule.nothing_waits = nil, false
  if not ok then error(fault, 0) end  -- of this job alone: the call may have others
  if taken then forget_idle_tenant(job.model, job.lane, job.tenant) end
  return taken
end

local function assign(host)
  note(PENDING.hosts, host)
  assign_pending()
end

local function assign_model(model)
  note(PENDING.models, model)
  assign_pending()
end
