-- Fragment: estimates of waits, from each model's service time in its slots: a moving average over completed jobs.
-- include: assignment
local function service_seconds(model) return tonumber(redis.call('HGET', SERVICE, model)) end

-- A job that waited for a load took longer than the next one will. It counts only while nothing else was measured.
local function record_service_time(model, seconds, loading)
  local before = service_seconds(model)
  if before and loading then return end
  redis.call('HSET', SERVICE, model, string.format('%.4f', before and before * 0.8 + seconds * 0.2 or seconds))
end

-- Adds to `free` the seconds until each of the host's slots for the model is free: the rest of the service time of the job
-- in it, or 0. Where jobs of other models take the host, all its slots are free when the last of those ends.
-- Returns how many are free now.
local function forecast_host(host, model, free)
  local spec = fields(host_key(host), 'slots', 'max_models')
  local flat, running, models = redis.call('HGETALL', slots_key(host)), usage(host)
  local busy, last, idle, known = running[model] or 0, 0, 0, {}
  for index = 1, #flat, 2 do
    local other = flat[index + 1]
    local began = tonumber(redis.call('HGET', record(flat[index]), 'assigned_at') or NOW)
    known[other] = known[other] or service_seconds(other) or 0
    local left = math.max(known[other] - (NOW - began), 0)
    if other == model then free[#free + 1] = left else last = math.max(last, left) end
  end
  local taken = busy == 0 and models >= tonumber(spec.max_models or 0)
  for _ = busy + 1, tonumber(spec.slots or 0) do
    free[#free + 1] = taken and last or 0
    if not taken then idle = idle + 1 end
  end
  return idle
end

-- The slots for a model over all live hosts: when each is free, and how many are free now. Reads each job that runs there.
local function slot_forecast(model)
  local free, idle = {}, 0
  for _, host in ipairs(live_hosts_of(model)) do idle = idle + forecast_host(host, model, free) end
  table.sort(free)
  return {free = free, idle = idle}
end

-- Seconds until a job with so many jobs ahead starts, as JSON; nil while nothing was measured. With a free slot it is 0.
local function eta(model, ahead, slots)
  slots = slots or slot_forecast(model)
  local seconds = service_seconds(model)
  if ahead < slots.idle then return '0' end
  if #slots.free == 0 or not seconds then return nil end
  return string.format('%.3f', slots.free[ahead % #slots.free + 1] + math.floor(ahead / #slots.free) * seconds)
end

-- Seconds until the first waiting job gets a slot, which makes room for one more.
local function retry_after(model)
  return string.format('%.1f', math.max(tonumber(eta(model, 0) or 1), 0.1))
end
