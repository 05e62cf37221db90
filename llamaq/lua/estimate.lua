-- Fragment: how long a wait will be, from the service time measured per model (a moving average, kept by the last word of
-- every completed job).
local function service_seconds(model) return tonumber(redis.call('HGET', SERVICE, model)) end

local function measure(model, seconds)
  local before = service_seconds(model)
  redis.call('HSET', SERVICE, model, string.format('%.4f', before and before * 0.8 + seconds * 0.2 or seconds))
end

local function capacity(model)
  local slots = 0
  for _, host in ipairs(hosts_of(model)) do slots = slots + tonumber(redis.call('HGET', host_key(host), 'slots') or 0) end
  return slots
end

-- Seconds until a job with so many ahead starts, as JSON; nil while nothing was measured. With a free slot it is 0.
local function eta(model, ahead)
  local seconds, slots = service_seconds(model), capacity(model)
  if slots == 0 then return nil end
  local running = 0
  for _, host in ipairs(hosts_of(model)) do
    for _, other in ipairs(redis.call('HVALS', slots_key(host))) do
      if other == model then running = running + 1 end
    end
  end
  if running + ahead < slots then return '0' end
  if not seconds then return nil end
  return string.format('%.1f', (ahead + 1) * seconds / slots)
end

local function retry_after(model)
  local seconds, slots = service_seconds(model) or 1, math.max(capacity(model), 1)
  return string.format('%.1f', math.max(seconds / slots, 0.1))
end
