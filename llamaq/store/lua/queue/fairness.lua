-- Fragment: what is fair between tenants, and between lanes. A line is one model's lane: `line` holds its virtual time and
-- the number of its jobs that have not ended, `tags` where each tenant stands; both go with the last job.
-- Start-time fair queueing: a job's score is what its tenant has asked for before it, divided by its weight, and at least
-- about what the others have got meanwhile (the virtual time). So tenants take turns, one's jobs keep their order, and a job
-- that was once placed stands before every new one of its tenant. The unit is the model's mean service time: a job is
-- assumed to take one, and charged its slot seconds over the mean when it has ended. In seconds, those who submit
-- after the mean has changed would be dearer, or cheaper, than the same jobs that wait already.
local STEP = 0.000001      -- weighs nothing, and keeps the first of two equals first
local PASSED_OVER = 4      -- jobs of higher lanes that go first, however long they take, before a lower lane is overdue

-- The score of a new job. A tenant that comes anew is given what the others have
-- in the `slots` already: else it would be one whole round behind them for as long as its jobs last.
local function ticket(model, lane, tenant, weight, slots)
  local key = tags(model, lane)
  redis.call('HINCRBY', line(model, lane), 'jobs', 1)
  local virtual = tonumber(redis.call('HINCRBYFLOAT', line(model, lane), 'virtual', STEP))
  local newcomer = virtual - slots
  redis.call('ZREMRANGEBYSCORE', key, '-inf', newcomer)
  local known = redis.call('ZMSCORE', key, tenant, '=' .. tenant)
  local score = string.format('%.6f', math.max(newcomer, tonumber(known[1] or newcomer), tonumber(known[2] or newcomer)))
  -- '=' marks the tenant's next score at least: what it gets back for a short job must not put the next before the last.
  redis.call('ZADD', key, score + 1 / weight, tenant, score + STEP, '=' .. tenant)
  return score
end

-- A job of the line gets a slot; lanes below have been passed over once more.
local function served(model, lane, score)
  local key, below = line(model, lane), false
  if tonumber(score) > tonumber(redis.call('HGET', key, 'virtual') or 0) then redis.call('HSET', key, 'virtual', score) end
  for _, other in ipairs(LANES) do
    local waits = redis.call('EXISTS', room(model, other)) == 1
    if waits and below then redis.call('HINCRBY', line(model, other), 'passed', 1) end
    if other == lane then
      if waits then redis.call('HSET', key, 'since', NOW, 'passed', 0) end
      below = true
    end
  end
end

-- Whether a lane may go before the higher ones for once. A swap away from it is told by time alone.
local function overdue(model, lane, patience, resident)
  if lane == LANES[1] then return false end
  local found = redis.call('HMGET', line(model, lane), 'since', 'passed')
  if not found[1] or tonumber(found[1]) + patience > NOW then return false end
  return not resident or tonumber(found[2] or 0) >= PASSED_OVER
end

-- A job of the line has ended after so many slot seconds: its tenant is charged those instead of the one that was assumed.
local function charge(model, lane, tenant, weight, used)
  if redis.call('HINCRBY', line(model, lane), 'jobs', -1) <= 0 then
    redis.call('DEL', line(model, lane), tags(model, lane))
    return
  end
  local mean = tonumber(redis.call('HGET', SERVICE, model) or 0)
  local took = used > 0 and (mean > 0 and used / mean or 1) or 0
  redis.call('ZADD', tags(model, lane), 'XX', 'INCR', (took - 1) / weight, tenant)
end
