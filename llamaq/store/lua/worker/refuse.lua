-- Sets a bad message aside, and ends the job that it should have become, if its id is readable.
--
-- ARGV  1 prefix, 2 id or '', 3 kind, 4 where it came from ('celery' | 'inbox'), 5 the message as it came, 6 reason,
--       7 error JSON, 8 result ttl seconds, 9 most entries of the dead-letter stream
-- Returns  'OK'
-- Invariant: a job that exists is not touched: somebody else's message may carry its id.
-- include: keys events
local id = ARGV[2]
redis.call('XADD', P .. ':dead', 'MAXLEN', '~', ARGV[9], '*', 'id', id, 'kind', ARGV[3], 'source', ARGV[4], 'message', ARGV[5],
  'reason', ARGV[6])
if id ~= '' and redis.call('EXISTS', record(id)) == 0 then
  redis.call('HSET', record(id), 'state', 'failed', 'kind', ARGV[3], 'model', '', 'attempt', 0, 'submitted_at', STAMP,
    'finished_at', STAMP, 'error', ARGV[7])
  redis.call('HINCRBY', P .. ':ended', 'failed', 1)
  append_event(id, 'failed', 0, '"error":' .. ARGV[7])
  redis.call('EXPIRE', record(id), ARGV[8])
  redis.call('EXPIRE', log(id), ARGV[8])
  redis.call('ZADD', JOBS, NOW, id)
end
return 'OK'
