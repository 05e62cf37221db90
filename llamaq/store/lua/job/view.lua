-- Fragment: what a status says of a job: fields of its record, its position, its estimate, and why it waits. What is said
-- of a model is looked up once in a script, since a list has many jobs of one model.
-- include: keys events queue assignment estimate model_support
local view = {forecasts = {}, reasons = {}}

-- What is needed of the record; nil where there is no such job.
function view.job(id)
  local job = fields(record(id), 'v', 'state', 'kind', 'model', 'target', 'lane', 'lease', 'tenant', 'conversation',
    'not_before')
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
  if tonumber(job.not_before or 0) > NOW then return nil end
  return redis.call('ZRANK', turns_key(job.tenant, job.conversation), id)
end

-- Why no host that has the model takes a job of it. Of many hosts some are looked at.
function view.why_no_host(model)
  local live, refused, paused, loading, open = 0, 0, 0, false, false
  for _, host in ipairs(redis.call('SRANDMEMBER', model_hosts_key(model), offers.LOOKED_AT)) do
    local spec = host_spec(host)
    if not is_live(host, spec) then
      open = open or is_open(spec)
    elseif pauses.of_host(host) then
      paused = paused + 1
    else
      live = live + 1
      if refusals.admitted(host, refusals.of(host, model)) ~= 'all' then refused = refused + 1 end
      loading = loading or loads.is_loading(loads.now(host, (loads.usage(host))))
    end
  end
  if live == 0 then return paused > 0 and 'host_paused' or open and 'circuit_open' or 'no_worker' end
  if refused == live then return 'circuit_open' end
  return loading and 'loading' or 'busy'
end

-- Why a host job waits.
function view.why_host_job(model)
  local host = host_of(model)
  return host and pauses.of_host(host) == 'draining' and 'host_paused' or 'busy'
end

-- Why the jobs of a model wait in its queue.
function view.why_of_model(model)
  local function found()
    if unknown_model(model) then return 'no_model' end
    if pauses.of_model(model) then return 'model_paused' end
    return is_host_job(model) and view.why_host_job(model) or view.why_no_host(model)
  end
  view.reasons[model] = view.reasons[model] or found()
  return view.reasons[model]
end

function view.why(id, job)
  if TERMINAL[job.state] or job.state == 'running' or job.lease ~= '' then return '' end
  if (tonumber(job.v or 1) or 1) > WIRE then return 'newer_producer' end
  if redis.call('ZSCORE', DELAYED, id) then return job.state == 'queued' and 'not_before' or 'retry' end
  if job.state == 'queued' and not position(id, job.model, job.lane) then
    return tonumber(job.not_before or 0) > NOW and 'not_before' or 'conversation'
  end
  return view.why_of_model(job.model)
end

-- Whether the record has what is needed to say where the job is. A damaged one may lack it.
function view.is_sound(job)
  return TERMINAL[job.state] or job.state and job.model and job.lane and job.lease and job.tenant and job.conversation
end

-- The answer of a script: `position` and `eta_seconds`, or '', `record` with those of the fields `names` (joined by blanks)
-- that are set, and `why`, a word of llamaq/vocabulary/waiting.py, or ''. `job` has the fields of `view.job`.
function view.of(id, job, names, with_why)
  local asked, set = {}, {}
  for name in string.gmatch(names, '[^ ]+') do asked[#asked + 1] = name end
  for index, value in ipairs(redis.call('HMGET', record(id), unpack(asked))) do
    if value then
      set[#set + 1] = asked[index]
      set[#set + 1] = value
    end
  end
  local ahead = view.jobs_ahead(id, job)
  local seconds = ahead and estimates.eta(job.model, ahead, view.forecast(job.model))
  return {'position', ahead or '', 'eta_seconds', seconds or '', 'record', set, 'why', with_why and view.why(id, job) or ''}
end
