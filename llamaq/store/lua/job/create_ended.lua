-- Fragment: a job that ends without having been queued: its record, in which `field` is set to `value`, and its log.
-- include: keys events
local function create_ended(id, state, kind, members, ttl, field, value)
  redis.call('HSET', record(id), 'v', WIRE, 'state', state, 'kind', kind, 'model', '', 'attempt', 0, 'submitted_at', STAMP,
    'finished_at', STAMP, field, value)
  redis.call('HINCRBY', counted.ENDED, state, 1)
  append_event(id, state, 0, members)
  redis.call('EXPIRE', record(id), ttl)
  redis.call('EXPIRE', log(id), ttl)
  redis.call('ZADD', EXPIRING, NOW + ttl + 1, id)  -- a second later, when the record is surely gone
  redis.call('ZADD', JOBS, NOW, id)
end
