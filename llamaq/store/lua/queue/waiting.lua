-- Fragment: the waiting room, a sorted set by score for each model and lane, and the same jobs once more for each runner (the
-- options that would reload the model), so that the first one for what is in memory is found without a search.
-- `WAITING .. lane` indexes the models that have one; QUEUED counts each tenant's waiting jobs.
-- include: keys events ages
local function enter(id)
  local job = redis.call('HMGET', record(id), 'model', 'lane', 'score', 'runner', 'tenant')
  local model, lane = job[1], job[2]
  if redis.call('ZADD', room(model, lane), job[3], id) == 0 then return end
  redis.call('ZADD', runner_room(model, lane, job[4]), job[3], id)
  aged(id, model, lane)
  redis.call('SADD', WAITING .. lane, model)
  redis.call('HINCRBY', QUEUED, job[5], 1)
  redis.call('HSETNX', line(model, lane), 'since', NOW)
end

local function count_out(tenant, model, lane)
  if redis.call('HINCRBY', QUEUED, tenant, -1) > 0 then return end
  redis.call('HDEL', QUEUED, tenant)
  redis.call('ZREM', tags(model, lane), '=' .. tenant)
end

-- `runner` is for a job whose record is gone: where to look for what is left of it.
local function leave(id, model, lane, runner)
  if redis.call('ZREM', room(model, lane), id) == 0 then return end
  unaged(id, model, lane)
  local job = redis.call('HMGET', record(id), 'runner', 'tenant')
  redis.call('ZREM', runner_room(model, lane, job[1] or runner or ''), id)
  if job[2] then count_out(job[2], model, lane) end
  if redis.call('EXISTS', room(model, lane)) == 0 then
    redis.call('SREM', WAITING .. lane, model)
    redis.call('HDEL', line(model, lane), 'since', 'passed')
  end
end

local function depth(model)
  local count = 0
  for _, lane in ipairs(LANES) do count = count + redis.call('ZCARD', room(model, lane)) end
  return count
end

-- Jobs ahead of one that waits, or nil when it does not: those of higher lanes, and those before it in its own.
local function position(id, model, lane)
  local ahead = redis.call('ZRANK', room(model, lane), id)
  if not ahead then return nil end
  for _, higher in ipairs(LANES) do
    if higher == lane then return ahead end
    ahead = ahead + redis.call('ZCARD', room(model, higher))
  end
end
