-- Fragment: what a status says of a job: fields of its record, its position, its estimate, and why it waits. What is said
-- of a model is looked up once in a script, since a list has many jobs of one model.
-- include: keys events queue estimate progress
local view = {forecasts = {}, reasons = {}}

-- What is needed of the record, with `damaged` where it lacks some of that; nil where there is no such job.
function view.job(id)
  local job = fields(record(id), 'v', 'state', 'kind', 'model', 'target', 'lane', 'lease', 'tenant', 'conversation',
    'not_before')
  for _, name in ipairs({'model', 'lane', 'lease', 'tenant', 'conversation'}) do
    if not job[name] then job[name], job.damaged = '', not TERMINAL[job.state] end
  end
  return job.state and job.state ~= 'deleted' and job or nil
end

function view.forecast(model)
  view.forecasts[model] = view.forecasts[model] or estimates.forecast(model)
  return view.forecasts[model]
end

-- Jobs ahead of this one; nil once it has a slot.
function view.jobs_ahead(id, job)
  local ahead = not TERMINAL[job.state] and position(id, job.model, job.lane)
  if ahead or job.state ~= 'queued' or job.lease ~= '' or job.conversation == '' then return ahead end
  if damage.number(job.not_before, 0) > NOW then return nil end
  return redis.call('ZRANK', turns_key(job.tenant, job.conversation), id)
end

-- Makes the functions of what few calls ask for. See `slow_path` in submit.lua.
function view.complete()
  -- include: forecast why
end

function estimates.new_forecast(model)
  view.complete()
  return estimates.new_forecast(model)  -- that of forecast.lua
end

function view.why_of_model(model)
  view.complete()
  return view.why_of_model(model)  -- that of why.lua
end

function view.why(id, job)
  if TERMINAL[job.state] or job.state == 'running' or job.lease ~= '' then return '' end
  if (tonumber(job.v or 1) or 1) > WIRE then return 'newer_producer' end
  if redis.call('ZSCORE', DELAYED, id) then return job.state == 'queued' and 'not_before' or 'retry' end
  if job.state == 'queued' and not position(id, job.model, job.lane) then
    return damage.number(job.not_before, 0) > NOW and 'not_before' or 'conversation'
  end
  return view.why_of_model(job.model)
end

-- The answer of a script: `position` and `eta_seconds`, or '', `record` with those of the fields `names` (joined by blanks)
-- that are set, and `why`, a word of llamaq/vocabulary/wait_reason.py, or ''. `job` has the fields of `view.job`.
function view.of(id, job, names, with_why)
  local asked, set = {}, {}
  for name in string.gmatch(names, '[^ ]+') do asked[#asked + 1] = name end
  for index, value in ipairs(redis.call('HMGET', record(id), unpack(asked))) do
    if value then
      set[#set + 1] = asked[index]
      set[#set + 1] = value
    end
  end
  if job.state == 'running' and string.find(names, 'piece_at', 1, true) then
    local pieces, piece_at = flushed.progress(id)
    for index = 1, pieces and #set or 0, 2 do
      if set[index] == 'pieces' then set[index + 1] = pieces end
      if set[index] == 'piece_at' then set[index + 1] = piece_at end
    end
  end
  local ahead = view.jobs_ahead(id, job)
  local seconds = ahead and estimates.eta(job.model, ahead, view.forecast(job.model))
  return {'position', ahead or '', 'eta_seconds', seconds or '', 'record', set, 'why', with_why and view.why(id, job) or ''}
end
