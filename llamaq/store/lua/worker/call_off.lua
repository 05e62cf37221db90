-- Cancels a job for a producer without the SDK. One that is not here yet is ended before it comes: the cancel and the
-- submit are two entries of the inbox, which two workers may take in either order.
--
-- ARGV  1 prefix, 2 id, 3 JSON members of the event ("reason":...), 4 the reason, 5 result ttl seconds
-- Returns  {'OK'} | {'TOO_LATE', state} (it had ended)
-- Invariant: sent twice, it acts once.
-- include: keys events queue assignment ending cancelling
local id = ARGV[2]
local state = redis.call('HGET', record(id), 'state')
if state and TERMINAL[state] then return {'TOO_LATE', state} end
if state then
  cancel_job(id, ARGV[3], ARGV[4])
  return {'OK'}
end
redis.call('HSET', record(id), 'v', WIRE, 'state', 'cancelled', 'kind', '', 'model', '', 'attempt', 0, 'submitted_at', STAMP,
  'finished_at', STAMP, 'reason', ARGV[4])
redis.call('HINCRBY', P .. ':ended', 'cancelled', 1)
append_event(id, 'cancelled', 0, ARGV[3])
redis.call('EXPIRE', record(id), ARGV[5])
redis.call('EXPIRE', log(id), ARGV[5])
redis.call('ZADD', JOBS, NOW, id)
return {'OK'}
