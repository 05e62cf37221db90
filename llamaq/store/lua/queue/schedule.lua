-- Fragment: jobs that are not to start before a time, `not_before` of the record. Until then such a job is in DELAYED, as a
-- retry is, and in a sorted set of its model (`schedule.key`), by that time; a set has these models. It counts towards the limits of waiting jobs. It
-- gets its score when its time has come: by an earlier one it would go before all that was submitted meanwhile.
-- include: assignment
function schedule.add(id, job)
  redis.call('ZADD', DELAYED, job.not_before, id)
  redis.call('ZREMRANGEBYSCORE', schedule.key(job.model), '-inf', NOW - schedule.STRAY_SECONDS)
  redis.call('ZADD', schedule.key(job.model), job.not_before, id)
  redis.call('SADD', schedule.MODELS, job.model)
  if redis.call('HSETNX', counted.TENANTS, id, job.tenant) == 1 then counted.add(QUEUED, 1, {job.tenant}) end
end

-- Removes the job; returns whether it waited for its time.
function schedule.take(id, model)
  if redis.call('ZREM', schedule.key(model), id) == 0 then return false end
  if redis.call('EXISTS', schedule.key(model)) == 0 then redis.call('SREM', schedule.MODELS, model) end
  return true
end

function schedule.job(id)
  return fields(record(id), 'model', 'lane', 'tenant', 'weight', 'score', 'runner', 'not_before')
end

function schedule.is_early(job) return tonumber(job.not_before or 0) > NOW end

-- Puts a job into its queue whose time has come.
function schedule.enqueue(id, job)
  if job.score == '' then
    local virtual = note_jobs(job.model, job.lane, 0, 1)
    job.score = reserve_scores(job.model, job.lane, job.tenant, tonumber(job.weight), 1, virtual, 1)[1]
    redis.call('HSET', record(id), 'score', job.score)
  end
  schedule.take(id, job.model)
  enqueue(id, job)
  note(PENDING.models, job.model)
end

-- Puts a job into its queue, or lets it wait for its time.
function schedule.place(id)
  local job = schedule.job(id)
  if schedule.is_early(job) then schedule.add(id, job) else schedule.enqueue(id, job) end
end

-- A job that waited for its time ended.
function schedule.remove(id, model, lane)
  if schedule.take(id, model) then uncount(id, model, lane) end
end
