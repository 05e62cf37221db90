-- Fragment: cancels a job that has not ended. A running job keeps its slot until its worker has closed the connection to
-- Ollama and frees it, or its lease expires.
-- include: ending fences
local function cancel_job(id, members, reason)
  local job = fields(record(id), 'host', 'lease')
  job.host = job.host or ''  -- where the field was deleted by hand
  if job.lease == 'claimed' then take_fence(job.host, id) end
  end_job(id, 'cancelled', members, 'reason', reason)
  if job.lease == 'assigned' then
    free_slot(job.host, id)
    fill_host(job.host)
  elseif job.lease == 'claimed' then
    redis.call('PUBLISH', P .. ':control:' .. job.host, id)
  end
  assign_pending()
end
