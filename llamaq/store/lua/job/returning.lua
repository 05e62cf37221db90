-- Fragment: a running job becomes `retrying`, and waits again at its old place, or first for its delay.
local function give_back(id, fields, delay)
  local job = redis.call('HMGET', record(id), 'attempt', 'model', 'claimed_at', 'running')
  redis.call('HSET', record(id), 'state', 'retrying', 'running', tonumber(job[4]) + NOW - tonumber(job[3]))
  emit(id, 'retrying', job[1], fields)
  if delay > 0 then
    redis.call('ZADD', DELAYED, NOW + delay, id)
  else
    enter(id)
    place_model(job[2])
  end
end
