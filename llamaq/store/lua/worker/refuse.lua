-- Puts a bad message into the dead-letter stream. Where its id is readable, the job that it should have become ends.
--
-- Arguments  id or '', kind
--            source      'celery' | 'inbox'
--            message     as it came
--            reason      what is wrong with it
--            error       the same as the job's error, JSON
--            result_ttl  seconds
-- Answers    OK
-- Invariant: a job that exists does not change, because another producer's message may have its id.
-- include: keys events create_ended dead_letter
local id = given.id
add_dead_letter(id, given.kind, given.source, given.message, given.reason)
if id ~= '' and redis.call('EXISTS', record(id)) == 0 then
  create_ended(id, 'failed', given.kind, '"error":' .. given.error, given.result_ttl, 'error', given.error)
end
return {'OK'}
