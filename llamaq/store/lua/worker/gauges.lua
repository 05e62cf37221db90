-- What a scrape of the metrics needs to know of the fleet.
--
-- ARGV  1 prefix
-- Returns  {queues, hosts, {delayed, dead letters, inbox entries, messages by task name}, {state, jobs ended, ...}}
--   queues  {model, lane, depth, age of the oldest job in seconds} for each model that is offered or waited for, and lane
--   hosts   {host, 1 when live, seconds since it was seen, workers, slots, slots used, messages in its queue, swaps, circuit,
--            {model, running, ...}, {model that it offers, ...}}
-- Invariant: it reads only, and its cost grows with hosts and models, never with the backlog or the jobs that are kept.
-- include: keys events ages
local HOST_SECONDS = 15
local queues, hosts, models = {}, {}, {}

-- Only what an index names: a model that is neither offered nor waited for has no row.
for _, lane in ipairs(LANES) do
  for _, model in ipairs(redis.call('SMEMBERS', WAITING .. lane)) do models[model] = true end
end

local function running_on(host)
  local count, flat = {}, {}
  for _, model in ipairs(redis.call('HVALS', slots_key(host))) do count[model] = (count[model] or 0) + 1 end
  for model, number in pairs(count) do
    flat[#flat + 1] = model
    flat[#flat + 1] = number
  end
  return flat
end

local known = redis.call('ZRANGE', HOSTS, 0, -1, 'WITHSCORES')
for index = 1, #known, 2 do
  local host, age = known[index], NOW - tonumber(known[index + 1])
  local spec = redis.call('HMGET', host_key(host), 'slots', 'max_models', 'swaps', 'circuit')
  local offered = redis.call('SMEMBERS', host_models_key(host))
  for _, model in ipairs(offered) do models[model] = true end
  hosts[#hosts + 1] = {host, age < HOST_SECONDS and 1 or 0, string.format('%.3f', age),
    redis.call('ZCOUNT', workers_key(host), NOW - HOST_SECONDS, '+inf'),
    tonumber(spec[1] or 0) * tonumber(spec[2] or 0), redis.call('HLEN', slots_key(host)),
    redis.call('LLEN', celery_queue(host)), tonumber(spec[3] or 0), spec[4] or 'closed', running_on(host), offered}
end

for model in pairs(models) do
  for _, lane in ipairs(LANES) do
    queues[#queues + 1] = {model, lane, redis.call('ZCARD', queue_key(model, lane)), string.format('%.3f', oldest_age(model, lane))}
  end
end
return {queues, hosts, {redis.call('ZCARD', DELAYED), redis.call('XLEN', P .. ':dead'), redis.call('XLEN', P .. ':inbox'),
  redis.call('LLEN', P)}, redis.call('HGETALL', P .. ':ended')}
