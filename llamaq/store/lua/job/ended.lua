-- Fragment: the count of ended jobs by state, and jobs that end without having been queued.
-- include: keys events
local ENDED = P .. ':ended'

local function count_end(state) redis.call('HINCRBY', ENDED, state, 1) end

-- Makes the record and the log of a job that has ended: `field` of the record is set to `value`.
local function create_ended(id, state, kind, members, ttl, field, value)
  redis.call('HSET', record(id), 'v', WIRE, 'state', state, 'kind', kind, 'model', '', 'attempt', 0, 'submitted_at', STAMP,
    'finished_at', STAMP, field, value)
  count_end(state)
  append_event(id, state, 0, members)
  redis.call('EXPIRE', record(id), ttl)
  redis.call('EXPIRE', log(id), ttl)
  redis.call('ZADD', JOBS, NOW, id)
end
