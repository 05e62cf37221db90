-- Reads the record of a job, and its position where it waits.
--
-- Arguments  id
--            fields  names of the record's fields to answer, joined by blanks
--            why     1 to answer why the job waits
-- Answers    OK position or '', eta_seconds or '', record (the fields that are set), why (a word of
--            llamaq/vocabulary/waiting.py, or '') | MISSING
-- include: keys events queue assignment estimate model_support
local id, names, set = given.id, {}, {}
local job = fields(record(id), 'v', 'state', 'model', 'lane', 'lease', 'tenant', 'conversation')
if not job.state or job.state == 'deleted' then return of_master({'MISSING'}) end

-- Jobs ahead of this one; nil once it has a slot.
local function jobs_ahead()
  local ahead = not TERMINAL[job.state] and position(id, job.model, job.lane)
  if ahead or job.state ~= 'queued' or job.lease ~= '' or job.conversation == '' then return ahead end
  return redis.call('ZRANK', turns_key(job.tenant, job.conversation), id)
end

-- Why no host that has the model takes a job of it. Of many hosts some are looked at.
local function why_no_host()
  local live, refused, loading, open = 0, 0, false, false
  for _, host in ipairs(redis.call('SRANDMEMBER', model_hosts_key(job.model), offers.LOOKED_AT)) do
    local spec = host_spec(host)
    if is_live(host, spec) then
      live = live + 1
      if refusals.admitted(host, refusals.of(host, job.model)) ~= 'all' then refused = refused + 1 end
      loading = loading or loads.is_loading(loads.now(host, (loads.usage(host))))
    else
      open = open or is_open(spec)
    end
  end
  if live == 0 then return open and 'circuit_open' or 'no_worker' end
  if refused == live then return 'circuit_open' end
  return loading and 'loading' or 'busy'
end

local function why()
  if TERMINAL[job.state] or job.state == 'running' or job.lease ~= '' then return '' end
  if tonumber(job.v or 1) > WIRE then return 'newer_producer' end
  if redis.call('ZSCORE', DELAYED, id) then return 'retry' end
  if job.state == 'queued' and not position(id, job.model, job.lane) then return 'conversation' end
  if unknown_model(job.model) then return 'no_model' end
  return is_host_job(job.model) and 'busy' or why_no_host()
end

for name in string.gmatch(given.fields, '[^ ]+') do names[#names + 1] = name end
for index, value in ipairs(redis.call('HMGET', record(id), unpack(names))) do
  if value then
    set[#set + 1] = names[index]
    set[#set + 1] = value
  end
end
local ahead = jobs_ahead()
local seconds = ahead and estimates.eta(job.model, ahead, estimates.forecast(job.model))
return {'OK', 'position', ahead or '', 'eta_seconds', seconds or '', 'record', set,
  'why', given.why == '1' and why() or ''}
