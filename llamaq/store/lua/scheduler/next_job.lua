-- Fragment: chooses the next job for a host.
-- Jobs for a loaded model go first, because a load costs seconds. A job that needs a load waits at most the host's
-- `load_wait` seconds, counted from its submit and from the host's last load. Then the model that has to be unloaded for
-- it gets no more jobs, its running jobs end, and the load is assigned.

local function runs_first(a, b)
  if a.rank ~= b.rank then return a.rank < b.rank end
  if a.submitted_at ~= b.submitted_at then return a.submitted_at < b.submitted_at end
  return a.id < b.id
end

-- A job that is in no queue yet, while none waits for any model: then it is the only candidate. `assign_new` sets it.
local new_job

-- What `candidates` would find with this job as the only one in the queues.
local function new_candidate(host, state, job)
  local model = job.model
  if redis.call('SISMEMBER', host_models_key(host), model) == 0 then return {} end
  if refusals.decide_admission(host, state.refusals[model]) == 'none' or pauses.of_model(model) then return {} end
  local avoid, spec = trials.to_avoid(state, state.refusals[model]), runners.of(host, model)
  local loaded = state.loaded[spec.as]
  local fits = loaded and runners.fits(spec, job.runner, loaded, state.default_ctx)
  return {{id = job.id, model = model, lane = job.lane, rank = 1, runner = fits and job.runner or nil, needs_load = not fits,
    as = spec.as, spec = spec, avoided = avoid and avoid[job.id], submitted_at = fits and 0 or NOW}}
end

-- The candidates, best first: for each model and lane the first job for the loaded runner, and the queue's first job
-- where it needs a load.
local function candidates(host, state)
  if new_job then return new_candidate(host, state, new_job) end
  local found = {}
  local function add(id, model, lane, rank, spec, runner, avoid)
    found[#found + 1] = {id = id, model = model, lane = lane, rank = rank, runner = runner, needs_load = runner == nil,
      as = spec.as, spec = spec, avoided = avoid and avoid[id]}
  end
  for rank, lane in ipairs(LANES) do
    for _, model in ipairs(redis.call('SINTER', WAITING .. lane, host_models_key(host))) do
      if refusals.decide_admission(host, state.refusals[model]) ~= 'none' and not pauses.of_model(model) then
        local avoid, spec = trials.to_avoid(state, state.refusals[model]), runners.of(host, model)
        local first = trials.first_of(queue_key(model, lane), avoid, model, state)
        local fitting, runner = runners.first_fitting(model, lane, spec, state, first, avoid)
        if fitting then add(fitting, model, lane, rank, spec, runner, avoid) end
        -- There is none where the queue was deleted by hand.
        if first and first ~= fitting then add(first, model, lane, rank, spec, nil, avoid) end
      end
    end
  end
  for _, job in ipairs(found) do
    job.submitted_at = #found == 1 and not job.needs_load and 0 or tonumber(redis.call('ZSCORE', JOBS, job.id) or 0)
    if job.avoided then job.rank = job.rank + #LANES
    elseif #found > 1 and overdue(job.model, job.lane, state.lane_wait, not job.needs_load) then job.rank = 0 end
  end
  table.sort(found, runs_first)
  return found
end

-- The model that must be unloaded before this one is loaded, or nil. With another runner it is the model itself.
local function model_to_unload(model, state)
  if state.loaded[model] then return model end
  local function running(other) return state.running[other] end
  local function idle(other) return not state.running[other] end
  local function unused(other) return idle(other) and not state.wanted[other] end
  if state.models >= state.max_models then return longest_loaded(state.loaded, running) end
  if loads.count(state.loaded) < state.max_models then return nil end
  return longest_loaded(state.loaded, unused) or longest_loaded(state.loaded, idle)
end

-- The next load is that of the first job whose turn it is: the model that it unloads has no work, or the job has waited
-- long enough. Returns the job where the load may begin now. Else returns nil and, where the job has waited long enough,
-- the model that gets no more jobs until it can be unloaded.
local function next_job_to_load(found, state)
  local loading, last_load = loads.is_loading(state.loaded), 0
  for _, entry in pairs(state.loaded) do last_load = math.max(last_load, entry.since) end
  for _, job in ipairs(found) do
    if job.needs_load then
      local unload = model_to_unload(job.as, state)
      local in_use = unload and (state.wanted[unload] or state.running[unload])
      local waited = NOW - math.max(job.submitted_at, last_load) >= state.load_wait
      local due = waited and not loading and job.rank == found[1].rank
      if due or not in_use then
        local fits = state.models < state.max_models and not (unload and state.running[unload])
        if fits and not loading then return job end
        return nil, due and unload  -- jobs behind this one do not load before it
      end
    end
  end
end

-- The next job for the host, or nil.
local function next_job(host, state)
  local found = candidates(host, state)
  state.wanted = {}
  for _, job in ipairs(found) do
    if not job.needs_load then state.wanted[job.as] = true end
  end
  local job, draining = next_job_to_load(found, state)
  if job then return job end
  for _, other in ipairs(found) do
    local running = state.running[other.as]
    local fits = running and running < state.slots or not running and state.models < state.max_models
    if not other.needs_load and fits and other.as ~= draining then return other end
  end
end
