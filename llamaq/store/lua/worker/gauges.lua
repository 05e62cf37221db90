-- Reads the figures of the fleet for a scrape of the metrics.
--
-- Arguments  none
-- Answers    OK queues, hosts, delayed, dead, inbox, intake (numbers of entries), ended (jobs by state), due (delayed jobs
--               whose time has come), assigned (jobs that hold a slot, also of a host that is not known any more),
--               damaged (keys and fields that were set aside), paused (as pauses.lua has them), webhooks_failing (their last
--               try failed), webhooks_unsent (due for a minute, and no worker has taken them)
--   queues   for each lane of each model that is offered or waited for: model, lane, depth, age_seconds (of the oldest job)
--   hosts    for each: host, up (1 when live), seen_age_seconds, workers, slots, slots_used, messages (in its queue), swaps,
--            circuit, running (jobs by model), models (that it offers), refused (models whose circuit is not closed there, each
--            in a line behind its state)
-- Invariant: it only reads, but that it may set a damaged key aside. Such a key gives 0 or nothing, so that the other figures
-- are still told. Its cost grows with hosts and models, and not with the backlog or the jobs that are kept.
-- include: keys events ages dead_letter webhook refusals
local UNSENT_SECONDS = 60
local models = {}

local function count(...)
  local answer = redis.pcall(...)
  return type(answer) == 'number' and answer or 0
end

local function list(...)
  local answer = redis.pcall(...)
  return answer.err and {} or answer
end

local function number(text) return tonumber(text or 0) or 0 end

local function running_jobs(host)
  local running, flat = {}, {}
  for _, model in ipairs(list('HVALS', slots_key(host))) do running[model] = (running[model] or 0) + 1 end
  for model, jobs in pairs(running) do
    flat[#flat + 1] = model
    flat[#flat + 1] = jobs
  end
  return flat
end

local function refused_models(host)
  local found = {}
  for model, entry in pairs(refusals.on(host)) do
    if entry.retry_at then found[#found + 1] = (refusals.is_open(entry) and 'open ' or 'half_open ') .. model end
  end
  return table.concat(found, '\n')
end

local function host_row(host, seen_at)
  local age = NOW - tonumber(seen_at)
  local slots, max_models, swaps, circuit = unpack(list('HMGET', host_key(host), 'slots', 'max_models', 'swaps', 'circuit'))
  local offered = list('SMEMBERS', host_models_key(host))
  for _, model in ipairs(offered) do models[model] = true end
  return {'host', host, 'up', age < HOST_SECONDS and 1 or 0, 'seen_age_seconds', string.format('%.3f', age),
    'workers', count('ZCOUNT', workers_key(host), NOW - HOST_SECONDS, '+inf'),
    'slots', number(slots) * number(max_models), 'slots_used', count('HLEN', slots_key(host)),
    'messages', count('LLEN', celery_queue(host)), 'swaps', number(swaps),
    'circuit', circuit or 'closed', 'running', running_jobs(host), 'models', offered,
    'refused', refused_models(host)}
end

local function age_of_oldest(model, lane)
  local ok, age = pcall(oldest_age, model, lane)
  return ok and age or 0
end

local hosts, known = {}, list('ZRANGE', HOSTS, 0, -1, 'WITHSCORES')
for index = 1, #known, 2 do hosts[#hosts + 1] = host_row(known[index], known[index + 1]) end

for _, lane in ipairs(LANES) do
  for _, model in ipairs(list('SMEMBERS', WAITING .. lane)) do models[model] = true end
end
local queues = {}
for model in pairs(models) do
  for _, lane in ipairs(LANES) do
    queues[#queues + 1] = {'model', model, 'lane', lane, 'depth', count('ZCARD', queue_key(model, lane)),
      'age_seconds', string.format('%.3f', age_of_oldest(model, lane))}
  end
end
local ended, all = {}, list('HGETALL', counted.ENDED)
for index = 1, #all, 2 do
  ended[index], ended[index + 1] = all[index], math.floor(number(all[index + 1]))
end
return {'OK', 'queues', queues, 'hosts', hosts, 'delayed', count('ZCARD', DELAYED),
  'dead', count('XLEN', DEAD), 'inbox', count('XLEN', P .. ':inbox'), 'intake', count('LLEN', P),
  'ended', ended, 'due', count('ZCOUNT', DELAYED, '-inf', NOW),
  'assigned', count('ZCARD', LEASES), 'damaged', count('ZCARD', damage.KEY),
  'webhooks_failing', count('ZCOUNT', FAILING, NOW, '+inf'),
  'webhooks_unsent', count('ZCOUNT', WEBHOOKS, '-inf', NOW - UNSENT_SECONDS),
  'paused', list('HGETALL', P .. ':paused')}
