-- Fragment: fair shares between tenants, and between lanes, by start-time fair queueing.
-- The queue of a model's lane has a hash (`lane_key`: virtual time, number of jobs that have not ended) and a sorted set
-- (`tenants_key`: of each tenant two members, `<tenant>`: the score of its next job, and `=<tenant>`: the least that this
-- score may be, so that a refund for a short job does not reorder the tenant's jobs). Both are deleted with the last job.
-- A job's score is the work that its tenant asked for before it, divided by the tenant's weight, and at least the virtual
-- time. The virtual time is the highest score that got a slot. So tenants take turns, the jobs of one tenant keep their
-- order, and a job that is requeued stays before the tenant's new jobs.
-- The unit of work is the model's mean service time. A job counts as one unit, and is charged its slot seconds divided by
-- the mean when it ends. With seconds as the unit, a change of the mean would favour older or newer jobs.
local STEP = 0.000001      -- keeps two equal scores in the order of their submits
local PASSED_OVER = 4      -- jobs of higher lanes that go first before a lane is overdue, however long they take

-- Counts new jobs of the lane. The virtual time advances by one step for each, or by another number of `steps`. Returns what
-- it was before.
local function note_jobs(model, lane, number, steps)
  local key = lane_key(model, lane)
  local known = redis.call('HMGET', key, 'virtual', 'jobs')
  local virtual = damage.number(known[1], 0)
  redis.call('HSET', key, 'virtual', string.format('%.6f', virtual + (steps or number) * STEP), 'jobs',
    damage.number(known[2], 0) + number)
  return virtual
end

-- Reserves the scores of new jobs of a tenant, and returns them. A new tenant starts `slots` units before the virtual time,
-- because the others have that many jobs in slots already. Without it, the new tenant would stay one round behind them.
local function reserve_scores(model, lane, tenant, weight, slots, virtual, number)
  local key, scores, newcomer = tenants_key(model, lane), {}, nil
  local known = redis.call('ZMSCORE', key, tenant, '=' .. tenant)
  local following, least = damage.number(known[1], -math.huge), damage.number(known[2], -math.huge)
  for index = 1, number do
    newcomer = tonumber(string.format('%.6f', virtual + index * STEP)) - slots
    scores[index] = string.format('%.6f', math.max(newcomer, following, least))
    following, least = scores[index] + 1 / weight, scores[index] + STEP
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', newcomer)
  redis.call('ZADD', key, following, tenant, least, '=' .. tenant)
  return scores
end

-- A job got a slot: the virtual time advances, and the lower lanes of the model were passed over once more.
local function advance_virtual_time(model, lane, score)
  local key, below = lane_key(model, lane), false
  if damage.number(score, 0) > damage.number(redis.call('HGET', key, 'virtual'), 0) then
    redis.call('HSET', key, 'virtual', score)
  end
  if not is_waiting(model) then return end
  for _, other in ipairs(LANES) do
    local waits = redis.call('EXISTS', queue_key(model, other)) == 1
    if waits and below then redis.call('HINCRBY', lane_key(model, other), 'passed', 1) end
    if other == lane then
      if waits then redis.call('HSET', key, 'since', NOW, 'passed', 0) end
      below = true
    end
  end
end

-- Whether a lane goes before the higher lanes once. For a model that is not loaded, the time alone decides.
local function overdue(model, lane, max_wait, loaded)
  if lane == LANES[1] then return false end
  local found = fields(lane_key(model, lane), 'since', 'passed')
  if not found.since or (tonumber(found.since) or NOW) + max_wait > NOW then return false end
  return not loaded or damage.number(found.passed, 0) >= PASSED_OVER
end

-- A job ended: its tenant is charged the slot seconds that it used, instead of the one unit that was assumed with its score.
local function charge_tenant(model, lane, tenant, weight, slot_seconds, has_score)
  if redis.call('HINCRBY', lane_key(model, lane), 'jobs', -1) <= 0 then
    redis.call('DEL', lane_key(model, lane), tenants_key(model, lane))
    return
  end
  if not has_score then return end
  local mean = damage.number(string.match(redis.call('HGET', SERVICE, model) or '', '^%S+'), 0)
  local units = 0
  if slot_seconds > 0 then units = mean > 0 and slot_seconds / mean or 1 end
  redis.call('ZADD', tenants_key(model, lane), 'XX', 'INCR', (units - 1) / weight, tenant)
end
