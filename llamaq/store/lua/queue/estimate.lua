-- Fragment: estimates of waits, from each model's service time in its slots: moving averages over completed jobs. SERVICE
-- has two for each model: a slow one, the unit of fair shares, and a fast one for estimates, which follows a change of the
-- jobs' length within three jobs.
-- `forecast.lua` computes what is kept here.
-- include: keys events
local estimates = {        -- one table, because Lua takes 200 locals in a script
  FORECAST_SECONDS = 0.25,
  MOST_KEPT = 64,
  FREE_NOW = -1,
  MOST_SECONDS = 1e8,
}

-- nil, nil while nothing was measured, and where something else has written over it.
function estimates.averages(model)
  local slow, fast = string.match(redis.call('HGET', SERVICE, model) or '', '^(%d+%.?%d*) ?(%d*%.?%d*)$')
  slow = damage.number(slow, nil, estimates.MOST_SECONDS)
  return slow, slow and damage.number(fast, slow, estimates.MOST_SECONDS)
end

function estimates.service_seconds(model)
  local slow = estimates.averages(model)
  return slow
end

function estimates.recent_service_seconds(model)
  local _, fast = estimates.averages(model)
  return fast
end

-- A job that waited for a load took longer than the next one will. It counts only while nothing else was measured.
function estimates.record(model, seconds, loading)
  local slow, fast = estimates.averages(model)
  if slow and loading then return end
  slow, fast = slow or seconds, fast or seconds
  redis.call('HSET', SERVICE, model, string.format('%.4f %.4f', slow * 0.8 + seconds * 0.2, fast * 0.5 + seconds * 0.5))
end

-- The forecast, computed once in FORECAST_SECONDS for all producers and readers. It is kept as text, with at most MOST_KEPT
-- of the times, at even steps.
function estimates.kept_forecast(model)
  local key = P .. ':forecast:' .. model
  local at, count, idle, times = string.match(redis.call('GET', key) or '', '^([%d.]+) (%d+) (%d+) ([%d. -]*)$')
  if at and NOW - tonumber(at) >= 0 and NOW - tonumber(at) < estimates.FORECAST_SECONDS then
    local free = {}
    for time in string.gmatch(times, '%S+') do free[#free + 1] = tonumber(time) end
    return {free = free, count = tonumber(count), idle = tonumber(idle), age = NOW - tonumber(at)}
  end
  if redis.call('EXISTS', model_hosts_key(model)) == 0 then return {free = {}, count = 0, idle = 0, age = 0} end
  local found, kept = estimates.new_forecast(model), {}
  if found.count == 0 then return found end
  local number = math.min(#found.free, estimates.MOST_KEPT)
  for index = 1, number do
    kept[index] = string.format('%.3f', found.free[math.floor((index - 1) * #found.free / number) + 1])
  end
  local head = string.format('%.6f %d %d ', NOW, found.count, found.idle)
  redis.call('SET', key, head .. table.concat(kept, ' '), 'EX', 2)
  return found
end

-- The forecast with the slots that are free at this moment: none where no host has an offer.
function estimates.forecast(model)
  local found = estimates.kept_forecast(model)
  found.idle = redis.call('EXISTS', offers_key(model)) == 1 and math.max(found.idle, 1) or 0
  return found
end

-- Seconds until a job with so many jobs ahead starts, as JSON; nil while nothing was measured. With a free slot it is 0.
function estimates.eta(model, ahead, slots)
  if ahead < slots.idle then return '0' end
  if slots.count == 0 then return nil end
  slots.seconds = slots.seconds or estimates.recent_service_seconds(model)
  local seconds = slots.seconds
  if not seconds then return nil end
  local first = slots.free[math.floor(ahead % slots.count * #slots.free / slots.count) + 1]
  if first == estimates.FREE_NOW then first = seconds + slots.age end  -- it was free, and has been assigned since
  return string.format('%.3f', math.max(first - slots.age, 0) + math.floor(ahead / slots.count) * seconds)
end

-- Seconds until the first waiting job gets a slot, which makes room for one more.
function estimates.retry_after(model)
  return string.format('%.1f', math.max(tonumber(estimates.eta(model, 0, estimates.forecast(model)) or 1), 0.1))
end
