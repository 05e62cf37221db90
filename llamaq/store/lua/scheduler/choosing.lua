-- Fragment: whose turn it is at one host. Jobs for what is in memory go first (model and runner); but the next in turn that
-- needs a load waits no longer than the host's patience, counted from its submit and from the last load: then nothing is given to
-- the model that has to leave for it, the host drains, and it is loaded.

-- What could go next: of each model and lane the first job for the resident runner, and the first one that needs a load,
-- where that comes earlier. Sorted by lane, then by age.
local function candidates(host, resident, lane_patience)
  local found = {}
  local function add(id, model, lane, rank, runner)
    if overdue(model, lane, lane_patience, runner) then rank = 0 end
    local at = tonumber(redis.call('ZSCORE', JOBS, id) or 0)
    found[#found + 1] = {id = id, model = model, lane = lane, rank = rank, at = at, runner = runner}
  end
  for rank, lane in ipairs(LANES) do
    for _, model in ipairs(redis.call('SINTER', WAITING .. lane, host_models(host))) do
      local head, here, fits = redis.call('ZRANGE', room(model, lane), 0, 0)[1], resident[model], nil
      if here then fits = redis.call('ZRANGE', runner_room(model, lane, here.runner), 0, 0)[1] end
      if fits then add(fits, model, lane, rank, here.runner) end
      if head ~= fits then add(head, model, lane, rank, nil) end
    end
  end
  table.sort(found, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    if a.at ~= b.at then return a.at < b.at end
    return a.id < b.id
  end)
  return found
end

-- The model that has to leave the memory for this one, or nil. Another runner of the same model always has to.
local function victim_of(model, at)
  if at.resident[model] then return model end
  local count = 0
  for _ in pairs(at.resident) do count = count + 1 end
  if at.models >= at.max_models then return oldest(at.resident, function(other) return at.running[other] end) end
  if count < at.max_models then return nil end
  return oldest(at.resident, function(other) return not at.running[other] and not at.wanted[other] end)
    or oldest(at.resident, function(other) return not at.running[other] end)
end

-- The next job that needs a load, if it may be loaded now; else the model that gets nothing more because of it.
local function next_load(found, at)
  local changed, loading = 0, is_loading(at.resident)
  for _, entry in pairs(at.resident) do changed = math.max(changed, entry.since) end
  for _, job in ipairs(found) do
    if not job.runner then
      local victim = victim_of(job.model, at)
      local due = job.rank == found[1].rank and not loading and math.max(job.at, changed) + at.patience <= NOW
      if due or not (victim and (at.wanted[victim] or at.running[victim])) then
        local drained = at.models < at.max_models and not (victim and at.running[victim])
        if drained and not loading then return job end
        return nil, due and victim
      end
    end
  end
end

-- The next job for the host, or nil. `at` is the host's state as `place` keeps it.
local function choose(host, at)
  local found = candidates(host, at.resident, at.lane_patience)
  at.wanted = {}
  for _, job in ipairs(found) do at.wanted[job.model] = at.wanted[job.model] or job.runner end
  local job, drains = next_load(found, at)
  if job then return job end
  for _, other in ipairs(found) do
    local taken = at.running[other.model]
    local fits = taken and taken < at.slots or not taken and at.models < at.max_models
    if other.runner and fits and other.model ~= drains then return other end
  end
end
