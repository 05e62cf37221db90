-- Fragment: requeues jobs. A requeued job keeps its score.
-- include: assignment

-- Requeues the jobs, of one model where it is given, that were assigned to the host and not claimed. Any host may get them.
local function requeue_unclaimed(host, model)
  for _, id in ipairs(redis.call('HKEYS', slots_key(host))) do
    local job = fields(record(id), 'lease', 'model')
    if job.lease == 'assigned' and (not model or job.model == model) then
      free_slot(host, id)
      enqueue(id)
      note(PENDING.models, job.model)
    end
  end
  assign_pending()
end

-- A running job becomes `retrying`. It waits for its delay first, if it has one; tasks/attempt/failures.py computes that.
-- `ran` are the seconds that count towards the deadline, by the worker's clock: Redis' clock may have been set meanwhile.
local function requeue_running(id, members, delay, ran)
  local job = fields(record(id), 'attempt', 'model', 'running')
  redis.call('HSET', record(id), 'state', 'retrying', 'running', tonumber(job.running) + ran)
  append_event(id, 'retrying', job.attempt, members)
  if delay > 0 then
    redis.call('HSET', record(id), 'delay', delay)
    redis.call('ZADD', DELAYED, NOW + delay, id)
  else
    enqueue(id)
    assign_model(job.model)
  end
end
