-- Reads the figures of the fleet for a scrape of the metrics.
--
-- Arguments  none
-- Answers    OK queues, hosts, delayed, dead, inbox, intake (numbers of entries), ended (jobs by state), due (delayed jobs
--               whose time has come), assigned (jobs that hold a slot, also of a host that is not known any more)
--   queues   for each lane of each model that is offered or waited for: model, lane, depth, age_seconds (of the oldest job)
--   hosts    for each: host, up (1 when live), seen_age_seconds, workers, slots, slots_used, messages (in its queue), swaps,
--            circuit, running (jobs by model), models (that it offers)
-- Invariant: it only reads. Its cost grows with hosts and models, and not with the backlog or the jobs that are kept.
-- include: keys events ages dead_letter
local models = {}

local function running_on(host)
  local count, flat = {}, {}
  for _, model in ipairs(redis.call('HVALS', slots_key(host))) do count[model] = (count[model] or 0) + 1 end
  for model, number in pairs(count) do
    flat[#flat + 1] = model
    flat[#flat + 1] = number
  end
  return flat
end

local function host_row(host, seen_at)
  local age = NOW - tonumber(seen_at)
  local spec = fields(host_key(host), 'slots', 'max_models', 'swaps', 'circuit')
  local offered = redis.call('SMEMBERS', host_models_key(host))
  for _, model in ipairs(offered) do models[model] = true end
  return {'host', host, 'up', age < HOST_SECONDS and 1 or 0, 'seen_age_seconds', string.format('%.3f', age),
    'workers', redis.call('ZCOUNT', workers_key(host), NOW - HOST_SECONDS, '+inf'),
    'slots', tonumber(spec.slots or 0) * tonumber(spec.max_models or 0), 'slots_used', redis.call('HLEN', slots_key(host)),
    'messages', redis.call('LLEN', celery_queue(host)), 'swaps', tonumber(spec.swaps or 0),
    'circuit', spec.circuit or 'closed', 'running', running_on(host), 'models', offered}
end

local hosts, known = {}, redis.call('ZRANGE', HOSTS, 0, -1, 'WITHSCORES')
for index = 1, #known, 2 do hosts[#hosts + 1] = host_row(known[index], known[index + 1]) end

for _, lane in ipairs(LANES) do
  for _, model in ipairs(redis.call('SMEMBERS', WAITING .. lane)) do models[model] = true end
end
local queues = {}
for model in pairs(models) do
  for _, lane in ipairs(LANES) do
    queues[#queues + 1] = {'model', model, 'lane', lane, 'depth', redis.call('ZCARD', queue_key(model, lane)),
      'age_seconds', string.format('%.3f', oldest_age(model, lane))}
  end
end
return {'OK', 'queues', queues, 'hosts', hosts, 'delayed', redis.call('ZCARD', DELAYED),
  'dead', redis.call('XLEN', DEAD), 'inbox', redis.call('XLEN', P .. ':inbox'), 'intake', redis.call('LLEN', P),
  'ended', redis.call('HGETALL', ENDED), 'due', redis.call('ZCOUNT', DELAYED, '-inf', NOW),
  'assigned', redis.call('ZCARD', LEASES)}
