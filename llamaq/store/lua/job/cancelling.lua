-- Fragment: ends a job that has not ended, whatever it does just now. A running one keeps its slot until its worker has
-- closed the connection and says so (or its lease lapses).
local function cancel(id, fields, reason)
  local job = redis.call('HMGET', record(id), 'host', 'lease')
  conclude(id, 'cancelled', fields, 'reason', reason)
  if job[2] == 'placed' then
    drop(job[1], id)
    place(job[1])
  elseif job[2] == 'claimed' then
    redis.call('PUBLISH', P .. ':control:' .. job[1], id)
  end
end
