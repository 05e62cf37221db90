-- Fragment: cancels a job in any state but a terminal one. A running job keeps its slot until its worker has closed the
-- connection and says so, or its lease expires.
-- include: ending
local function cancel_job(id, fields, reason)
  local job = redis.call('HMGET', record(id), 'host', 'lease')
  end_job(id, 'cancelled', fields, 'reason', reason)
  if job[2] == 'placed' then
    free_slot(job[1], id)
    fill_host(job[1])
  elseif job[2] == 'claimed' then
    redis.call('PUBLISH', P .. ':control:' .. job[1], id)
  end
  assign_pending()
end
