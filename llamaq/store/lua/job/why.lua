-- Fragment: why the jobs of a model wait in its queue, in the words of `llamaq/vocabulary/wait_reason.py`.
-- include: assignment unknown_model view

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
      if refusals.decide_admission(host, refusals.of(host, model)) ~= 'all' then refused = refused + 1 end
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
  local function find_reason()
    if unknown_model(model) then return 'no_model' end
    if pauses.of_model(model) then return 'model_paused' end
    return is_host_job(model) and view.why_host_job(model) or view.why_no_host(model)
  end
  view.reasons[model] = view.reasons[model] or find_reason()
  return view.reasons[model]
end
