-- Fragment: begins attempts. Of all that try to claim one assignment exactly one does, because the record then has its fence.
-- include: keys events refusals
local claims = {}

-- What a claim needs of a record.
function claims.fields(id)
  return fields(record(id), 'v', 'state', 'lease', 'host', 'fence', 'start_by', 'attempt', 'tries', 'max_attempts',
    'submitted_at', 'running', 'refused_at', 'kind', 'model', 'tenant', 'conversation', 'request', 'started_at')
end

-- What the worker is told of its attempt, as names and values.
function claims.answer(id, host, job)
  return {'attempt', job.attempt, 'tries', job.tries, 'max_attempts', job.max_attempts,
    'waited_seconds', tostring(math.max(NOW - tonumber(job.submitted_at), 0)), 'ran_seconds', job.running,
    'kind', job.kind, 'model', job.model, 'tenant', job.tenant, 'conversation', job.conversation, 'request', job.request,
    'refusal_counts', refusals.count(host, job.model, id, job.refused_at) and 1 or 0}
end

-- Begins the attempt of an assigned job. `by` has its fence, worker, lease_seconds, and the members of `started`.
function claims.begin(id, host, job, by)
  job.attempt, job.tries = (job.attempt or 0) + 1, (job.tries or 0) + 1
  if job.start_by ~= '' then redis.call('ZREM', STARTS, id) end
  redis.call('ZREM', refusals.ENDS, id)
  redis.call('ZADD', LEASES, NOW + tonumber(by.lease_seconds), id .. ' ' .. host)
  local cursor = append_event(id, 'started', job.attempt, by.members)
  redis.call('HSET', record(id), 'state', 'running', 'lease', 'claimed', 'claimed_at', NOW, 'worker', by.worker,
    'flush', 0, 'cursor', cursor, 'pieces', 0, 'piece_at', '', 'fence', by.fence, 'attempt', job.attempt, 'tries', job.tries,
    'started_at', job.started_at or STAMP)
  return claims.answer(id, host, job)
end
