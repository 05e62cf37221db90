-- Fragment: when the slots for a model will be free, over all its hosts.
-- include: assignment estimate
estimates.JOBS_LOOKED_AT = 16  -- of one host

-- Adds to `free` the seconds until each of the host's slots for the model is free: the rest of the service time of the job
-- in it, or FREE_NOW. A job that takes longer than that is expected to take as long again as it is over. Where jobs of
-- other models take the host, all its slots are free when the last of those ends. Of many jobs the first stand for all.
-- Returns how many are free now.
function estimates.add_host(host, model, free)
  local slots, max_models = host_size(fields(host_key(host), 'slots', 'max_models'))
  local flat, running, models = redis.call('HGETALL', slots_key(host)), loads.usage(host)
  local as = runners.of(host, model).as
  local busy, last, idle, known, lefts = running[as] or 0, 0, 0, {}, {}
  for index = 1, math.min(#flat, 2 * estimates.JOBS_LOOKED_AT), 2 do
    local other = flat[index + 1]
    local began = tonumber(redis.call('HGET', record(flat[index]), 'assigned_at') or nil) or NOW
    known[other] = known[other] or estimates.recent_service_seconds(other) or 0
    local left = math.abs(known[other] - (NOW - began))
    if other == model or runners.of(host, other).as == as then lefts[#lefts + 1] = left else last = math.max(last, left) end
  end
  for index = 1, busy do free[#free + 1] = #lefts > 0 and lefts[(index - 1) % #lefts + 1] or 0 end
  local taken = busy == 0 and models >= max_models
  for _ = busy + 1, slots do
    free[#free + 1] = taken and last or estimates.FREE_NOW
    if not taken then idle = idle + 1 end
  end
  return idle
end

-- The slots for a model over all live hosts: when each is free, how many there are, and how many are free now. Of many
-- hosts some stand for all, so that the cost is the same with 1,000 hosts.
function estimates.new_forecast(model)
  local free, idle = {}, 0
  if pauses.of_model(model) then return {free = free, count = 0, idle = 0, age = 0} end
  local hosts = redis.call('SRANDMEMBER', model_hosts_key(model), offers.LOOKED_AT)
  local share = #hosts < offers.LOOKED_AT and 1 or redis.call('SCARD', model_hosts_key(model)) / #hosts
  for _, host in ipairs(hosts) do
    if is_live(host) and not pauses.of_host(host) then idle = idle + estimates.add_host(host, model, free) end
  end
  table.sort(free)
  return {free = free, count = math.floor(#free * share), idle = math.floor(idle * share), age = 0}
end
