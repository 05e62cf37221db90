-- Fragment: jobs that go back to their queue, at their old place.
-- include: assignment

-- Jobs that were assigned to the host and not claimed wait again, for any host.
local function requeue_unclaimed(host)
  for _, id in ipairs(redis.call('HKEYS', slots_key(host))) do
    local job = redis.call('HMGET', record(id), 'lease', 'model')
    if job[1] == 'placed' then
      free_slot(host, id)
      enqueue(id)
      PENDING[#PENDING + 1] = job[2]
    end
  end
  assign_pending()
end

-- A running job becomes `retrying`. It waits for its delay first, if it has one.
local function requeue_running(id, fields, delay)
  local job = redis.call('HMGET', record(id), 'attempt', 'model', 'claimed_at', 'running')
  redis.call('HSET', record(id), 'state', 'retrying', 'running', tonumber(job[4]) + NOW - tonumber(job[3]))
  append_event(id, 'retrying', job[1], fields)
  if delay > 0 then
    redis.call('ZADD', DELAYED, NOW + delay, id)
  else
    enqueue(id)
    assign_model(job[2])
  end
end
