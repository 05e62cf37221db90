-- Fragment: estimates of waits, from each model's service time in its slots: moving averages over completed jobs. SERVICE
-- has two for each model: a slow one, the unit of fair shares, and a fast one for estimates, which follows a change of the
-- jobs' length within three jobs.
-- include: assignment
local FORECAST_SECONDS = 0.25
local MOST_KEPT = 64

local function averages(model)
  local slow, fast = string.match(redis.call('HGET', SERVICE, model) or '', '^(%S+) ?(%S*)$')
  return tonumber(slow), tonumber(fast) or tonumber(slow)
end

local function service_seconds(model)
  local slow = averages(model)
  return slow
end

local function recent_service_seconds(model)
  local _, fast = averages(model)
  return fast
end

-- A job that waited for a load took longer than the next one will. It counts only while nothing else was measured.
local function record_service_time(model, seconds, loading)
  local slow, fast = averages(model)
  if slow and loading then return end
  slow, fast = slow or seconds, fast or seconds
  redis.call('HSET', SERVICE, model, string.format('%.4f %.4f', slow * 0.8 + seconds * 0.2, fast * 0.5 + seconds * 0.5))
end

-- Adds to `free` the seconds until each of the host's slots for the model is free: the rest of the service time of the job
-- in it, or 0. Where jobs of other models take the host, all its slots are free when the last of those ends.
-- Returns how many are free now.
local function forecast_host(host, model, free)
  local spec = fields(host_key(host), 'slots', 'max_models')
  local flat, running, models = redis.call('HGETALL', slots_key(host)), loads.usage(host)
  local as = runners.of(host, model).as
  local busy, last, idle, known = running[as] or 0, 0, 0, {}
  for index = 1, #flat, 2 do
    local other = flat[index + 1]
    local began = tonumber(redis.call('HGET', record(flat[index]), 'assigned_at') or NOW)
    known[other] = known[other] or recent_service_seconds(other) or 0
    local left = math.max(known[other] - (NOW - began), 0)
    if other == model or runners.of(host, other).as == as then free[#free + 1] = left else last = math.max(last, left) end
  end
  local taken = busy == 0 and models >= tonumber(spec.max_models or 0)
  for _ = busy + 1, tonumber(spec.slots or 0) do
    free[#free + 1] = taken and last or 0
    if not taken then idle = idle + 1 end
  end
  return idle
end

-- The slots for a model over all live hosts: when each is free, how many there are, and how many are free now. Reads each
-- job that runs there.
local function slot_forecast(model)
  local free, idle = {}, 0
  for _, host in ipairs(live_hosts_of(model)) do idle = idle + forecast_host(host, model, free) end
  table.sort(free)
  return {free = free, count = #free, idle = idle, age = 0}
end

-- The forecast, computed once in FORECAST_SECONDS for all readers. It is kept as text, with at most MOST_KEPT of the times,
-- at even steps.
local function recent_forecast(model)
  local key = P .. ':forecast:' .. model
  local at, count, idle, times = string.match(redis.call('GET', key) or '', '^(%S+) (%S+) (%S+) (.*)$')
  if at and NOW - tonumber(at) >= 0 and NOW - tonumber(at) < FORECAST_SECONDS then
    local free = {}
    for time in string.gmatch(times, '%S+') do free[#free + 1] = tonumber(time) end
    return {free = free, count = tonumber(count), idle = tonumber(idle), age = NOW - tonumber(at)}
  end
  local forecast, kept = slot_forecast(model), {}
  local number = math.min(forecast.count, MOST_KEPT)
  for index = 1, number do
    kept[index] = string.format('%.3f', forecast.free[math.floor((index - 1) * forecast.count / number) + 1])
  end
  local head = string.format('%.6f %d %d ', NOW, forecast.count, forecast.idle)
  redis.call('SET', key, head .. table.concat(kept, ' '), 'EX', 2)
  return forecast
end

-- Seconds until a job with so many jobs ahead starts, as JSON; nil while nothing was measured. With a free slot it is 0.
local function eta(model, ahead, slots)
  local seconds = recent_service_seconds(model)
  if ahead < slots.idle then return '0' end
  if slots.count == 0 or not seconds then return nil end
  local first = slots.free[math.floor(ahead % slots.count * #slots.free / slots.count) + 1]
  return string.format('%.3f', math.max(first - slots.age, 0) + math.floor(ahead / slots.count) * seconds)
end

-- Seconds until the first waiting job gets a slot, which makes room for one more.
local function retry_after(model)
  return string.format('%.1f', math.max(tonumber(eta(model, 0, recent_forecast(model)) or 1), 0.1))
end
