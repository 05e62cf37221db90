-- Sets damaged keys aside, so that none of them holds up other hosts and jobs. The worker that leads runs it before each
-- round of the reaper, which then takes up the jobs that a lost index had (strays.lua).
--
-- Arguments  host       of this worker; also where the list of hosts is damaged
--            queue      Celery's queue of this worker
--            at_a_time  hosts, and models with waiting jobs, to look at in this round
-- Answers    OK damaged (number of keys and fields that were set aside)
-- Invariant: its cost does not grow with the number of jobs or hosts, unless offers were damaged. Where no key is damaged,
--            it writes its place in the lists alone.
-- include: keys events queue fairness dead_letter webhook refusals loaded_models offers sizes host_jobs conversations
local LEADER, PRIORITIES = P .. ':reaper', {'', '\6\0223', '\6\0226', '\6\0229'}  -- kombu has a list for each priority
local damaged, models = 0, {}

local function check(wanted, ...)
  local found = false
  for _, key in ipairs({...}) do
    if damage.set_aside(key, wanted) then
      damaged, found = damaged + 1, true
    end
  end
  return found
end

-- As `check`, for keys that are mostly absent: one EXISTS asks for all of them, while TYPE takes one key.
local function check_rare(wanted, ...)
  return redis.call('EXISTS', ...) > 0 and check(wanted, ...)
end

local function check_celery_queue(name)
  local lists = {}
  for index, priority in ipairs(PRIORITIES) do lists[index] = name .. priority end
  check_rare('list', unpack(lists))
end

-- A slot that no job holds and no lease ends would be taken for ever.
local function check_slots(host)
  for _, id in ipairs(redis.call('HKEYS', slots_key(host))) do
    local held = redis.call('ZSCORE', LEASES, id .. ' ' .. host) or (fields(record(id), 'lease').lease or '') ~= ''
    if not held then
      redis.call('HDEL', slots_key(host), id)
      redis.call('HDEL', host_key(host), 'offered')  -- its offers are made anew
      damage.note(slots_key(host), id, 'no job', 'a job with a lease')
      damaged = damaged + 1
    end
  end
end

local function check_host(host)
  check('hash', host_key(host), capabilities_key(host), runners.key(host), stated_size.key(host))
  check_rare('hash', slots_key(host), loaded_key(host), host_jobs_key(host), refusals.key(host), stated_size.leaving_key(host))
  check_rare('string', host_key(host) .. ':generation')
  check('set', host_models_key(host))
  check('zset', workers_key(host))
  check_celery_queue(celery_queue(host))
  damage.check_numbers(host_key(host), false, 'slots', 'max_models', 'patience', 'lane_patience', 'default_ctx',
    'assigned_at', 'seen_at', 'retry_at', 'last_error_at')
  damage.check_numbers(host_key(host), true, 'swaps', 'faults', 'trips')
  for _, model in ipairs(redis.call('SMEMBERS', host_models_key(host))) do models[model] = true end
  check_slots(host)
end

-- A queue, and what belongs to it. The queues of runners are those of its first jobs.
local function check_queue(model, lane)
  check('zset', queue_key(model, lane), ages_key(model, lane), tenants_key(model, lane), runner_queue_key(model, lane, ''))
  check('hash', lane_key(model, lane))
  damage.check_numbers(lane_key(model, lane), false, 'virtual', 'since', 'orphan_since')
  damage.check_numbers(lane_key(model, lane), true, 'jobs', 'passed', 'orphan_page')
  for _, id in ipairs(redis.call('ZRANGE', queue_key(model, lane), 0, trials.AMONG - 1)) do
    check('zset', runner_queue_key(model, lane, fields(record(id), 'runner').runner or ''))
  end
end

-- The keys that a model has while its jobs wait or have waited lately. Mostly it has none.
local function check_queues(model)
  local keys = {P .. ':forecast:' .. model, schedule.key(model)}
  for _, lane in ipairs(LANES) do
    for _, key_of in ipairs({queue_key, ages_key, tenants_key, lane_key}) do keys[#keys + 1] = key_of(model, lane) end
    keys[#keys + 1] = runner_queue_key(model, lane, '')
  end
  if redis.call('EXISTS', unpack(keys)) == 0 then return end
  check('string', keys[1])
  check('zset', keys[2])
  for _, lane in ipairs(LANES) do check_queue(model, lane) end
end

check('hash', LEADER, counted.ENDED, SERVICE, P .. '.store', P .. '.scripts')
check_rare('hash', pauses.KEY, counted.BLOBS, counted.IMAGES, QUEUED, counted.TENANTS, P .. ':inbox:taken', P .. '.unacked')
check('zset', JOBS, EXPIRING, HOSTS, offers.DUE)
check_rare('zset', P .. ':failing', LAPSES, WEBHOOKS, RECEIVERS, FAILING, P .. '.unacked_index', refusals.ENDS, P .. ':batches')
check_rare('zset', LEASES, DELAYED, STARTS)
check('set', schedule.MODELS)
check('stream', DEAD, P .. ':inbox')
check('string', P .. '.unacked_mutex')
check('set', '_kombu.binding.' .. P, '_kombu.binding.' .. P .. '.pidbox')
check_celery_queue(P)
check_celery_queue(given.queue)
damage.check_numbers(LEADER, false, 'last', 'grace', 'longest_lease', 'until')
damage.check_numbers(LEADER, true, 'slow', 'delays_page', 'strays_page', 'mended_hosts')
damage.check_numbers(counted.ENDED, true, 'completed', 'failed', 'cancelled', 'expired')
check_host(given.host)
local first = tonumber(redis.call('HGET', LEADER, 'mended_hosts') or 0)
local hosts = redis.call('ZRANGE', HOSTS, first, first + given.at_a_time - 1)
for _, host in ipairs(hosts) do
  if host ~= given.host then check_host(host) end
end
redis.call('HSET', LEADER, 'mended_hosts', #hosts < tonumber(given.at_a_time) and 0 or first + #hosts)
for _, lane in ipairs(LANES) do
  check('set', WAITING .. lane)
  local place = 'mended:' .. lane
  local page = redis.call('SSCAN', WAITING .. lane, redis.call('HGET', LEADER, place) or 0, 'COUNT', given.at_a_time)
  redis.call('HSET', LEADER, place, page[1])
  for _, model in ipairs(page[2]) do models[model] = true end
end
local lost_offers = false
for model in pairs(models) do
  check('set', model_hosts_key(model))
  lost_offers = check('zset', offers_key(model)) or lost_offers
  check_queues(model)
end
if lost_offers then  -- the next report of each host makes them anew
  for _, host in ipairs(redis.call('ZRANGE', HOSTS, 0, -1)) do redis.call('HDEL', host_key(host), 'offered') end
end
return {'OK', 'damaged', damaged}
