-- Puts a bad message into the dead-letter stream, and ends the job that it should have become, if its id is readable.
--
-- Arguments  id or '', kind
--            source      'celery' | 'inbox'
--            message     as it came
--            reason      what is wrong with it
--            error       the same as the job's error, JSON
--            result_ttl  seconds
--            most_dead   entries that the dead-letter stream keeps, about
-- Answers    OK
-- Invariant: a job that exists is not touched: another producer's message may carry its id.
-- include: keys events
local id = given.id
redis.call('XADD', P .. ':dead', 'MAXLEN', '~', given.most_dead, '*', 'id', id, 'kind', given.kind, 'source', given.source,
  'message', given.message, 'reason', given.reason)
if id ~= '' and redis.call('EXISTS', record(id)) == 0 then
  redis.call('HSET', record(id), 'state', 'failed', 'kind', given.kind, 'model', '', 'attempt', 0, 'submitted_at', STAMP,
    'finished_at', STAMP, 'error', given.error)
  redis.call('HINCRBY', P .. ':ended', 'failed', 1)
  append_event(id, 'failed', 0, '"error":' .. given.error)
  redis.call('EXPIRE', record(id), given.result_ttl)
  redis.call('EXPIRE', log(id), given.result_ttl)
  redis.call('ZADD', JOBS, NOW, id)
end
return {'OK'}
