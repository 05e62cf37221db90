-- Fragment: the queues of waiting jobs, a sorted set by score for each model and lane. A second sorted set for each runner
-- (the load options of a job) finds the first job for the loaded runner without a search.
-- `WAITING .. lane` indexes the models that have a queue; QUEUED counts each tenant's waiting jobs.
-- include: keys events ages

local schedule = {STRAY_SECONDS = 60, MODELS = P .. ':scheduled'}  -- its functions are in schedule.lua

function schedule.key(model) return P .. ':scheduled:' .. model end

counted.OF = {[QUEUED] = counted.TENANTS, [counted.BLOBS] = counted.IMAGES}  -- counts, and the jobs that they count

-- The names of a list, which are joined by blanks.
function counted.names(list)
  local names = {}
  for name in string.gmatch(list, '[^ ]+') do names[#names + 1] = name end
  return names
end

-- Counts the jobs anew, where a count was lost.
function damage.recount(key)
  if not counted.OF[key] then return end
  local counts = {}
  for _, list in ipairs(redis.call('HVALS', counted.OF[key])) do
    for _, name in ipairs(key == QUEUED and {list} or counted.names(list)) do counts[name] = (counts[name] or 0) + 1 end
  end
  redis.call('DEL', key)
  for name, number in pairs(counts) do redis.call('HSET', key, name, number) end
end

-- Adds a number to the counts of these names, and returns the counts. What they count was changed before, so that damaged
-- counts are right once they are made anew.
function counted.add(key, number, names)
  local sums = {}
  for index, name in ipairs(names) do
    sums[index] = redis.pcall('HINCRBY', key, name, number)
    if type(sums[index]) ~= 'number' then
      if not damage.set_aside(key, 'hash') then damage.check_numbers(key, true, name) end
      sums = redis.call('HMGET', key, unpack(names))
      for each, sum in ipairs(sums) do sums[each] = tonumber(sum or 0) end
      break
    end
  end
  return sums
end

-- The number of a tenant's waiting jobs.
function counted.waiting(tenant) return damage.number(redis.call('HGET', QUEUED, tenant), 0) end

-- `job` has what the record says, where the caller knows it.
local function enqueue(id, job)
  job = job or fields(record(id), 'model', 'lane', 'score', 'runner', 'tenant')
  local model, lane = job.model, job.lane
  if redis.call('ZADD', queue_key(model, lane), job.score, id) == 0 then return end
  redis.call('ZADD', runner_queue_key(model, lane, job.runner), job.score, id)
  note_age(id, model, lane, job.submitted_at)
  redis.call('SADD', WAITING .. lane, model)
  if redis.call('HSETNX', counted.TENANTS, id, job.tenant) == 1 then counted.add(QUEUED, 1, {job.tenant}) end
  redis.call('HSETNX', lane_key(model, lane), 'since', job.submitted_at or NOW)
end

-- The job waits no longer. `model` and `lane` are not known where its record was deleted by hand.
local function uncount(id, model, lane)
  local tenant = redis.call('HGET', counted.TENANTS, id)
  if not tenant then return end
  redis.call('HDEL', counted.TENANTS, id)
  if counted.add(QUEUED, -1, {tenant})[1] > 0 then return end
  redis.call('HDEL', QUEUED, tenant)
  if model then redis.call('ZREM', tenants_key(model, lane), '=' .. tenant) end
end

-- A job that got its score does not wait: a tenant without waiting jobs has no place among the turns.
local function forget_idle_tenant(model, lane, tenant)
  if counted.waiting(tenant) > 0 then return end
  redis.call('ZREM', tenants_key(model, lane), '=' .. tenant)
end

-- `job` has the fields `runner` and `tenant` of the record; `runner` is used where that was deleted by hand.
local function dequeue(id, model, lane, job, runner)
  if redis.call('ZREM', queue_key(model, lane), id) == 0 then return end
  forget_age(id, model, lane)
  redis.call('ZREM', runner_queue_key(model, lane, job.runner or runner or ''), id)
  uncount(id, model, lane)
  if redis.call('EXISTS', queue_key(model, lane)) == 0 then
    redis.call('SREM', WAITING .. lane, model)
    redis.call('HDEL', lane_key(model, lane), 'since', 'passed', 'orphan_since', 'orphan_page')
  end
end

-- `schedule.nothing_waits` is true while `assign_new` assigns, because its caller has looked.
local function is_any(...) return not schedule.nothing_waits and redis.call('EXISTS', ...) > 0 end

local function is_waiting(model)
  return is_any(queue_key(model, LANES[1]), queue_key(model, LANES[2]), queue_key(model, LANES[3]))
end

-- Whether a job waits for any model.
local function is_any_waiting() return is_any(WAITING .. LANES[1], WAITING .. LANES[2], WAITING .. LANES[3]) end

-- The numbers of jobs that wait for a model, by lane, their sum, and the number of those that wait for their time. Most often
-- one lane has any, and `likely` is asked first.
local function depths(model, likely)
  local left = redis.call('EXISTS', queue_key(model, LANES[1]), queue_key(model, LANES[2]), queue_key(model, LANES[3]),
    schedule.key(model))
  local found, sum = {}, 0
  for index = 0, #LANES do
    local lane = LANES[index] or likely
    if not found[lane] then
      found[lane] = left > 0 and redis.call('ZCARD', queue_key(model, lane)) or 0
      if found[lane] > 0 then left = left - 1 end
      sum = sum + found[lane]
    end
  end
  return found, sum, left > 0 and redis.call('ZCARD', schedule.key(model)) or 0
end

-- The number of jobs ahead of a waiting job: those of higher lanes, and those before it in its own. nil if it does not wait.
-- `known` are the numbers of waiting jobs by lane, where the caller has them.
local function position(id, model, lane, known)
  local ahead = redis.call('ZRANK', queue_key(model, lane), id)
  if not ahead then return nil end
  for _, higher in ipairs(LANES) do
    if higher == lane then return ahead end
    ahead = ahead + (known and known[higher] or redis.call('ZCARD', queue_key(model, higher)))
  end
end
