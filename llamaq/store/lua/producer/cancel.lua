-- Cancels a job at once, without waiting for the worker that runs it.
--
-- Arguments  id
--            members  JSON members of the event ("reason":...)
--            reason   the same as text
-- Answers    OK | TOO_LATE state (the job had ended) | MISSING
-- include: keys events queue assignment ending cancelling
local state = redis.call('HGET', record(given.id), 'state')
if not state or state == 'deleted' then return confirm_as_master({'MISSING'}) end
if TERMINAL[state] then return confirm_as_master({'TOO_LATE', 'state', state}) end
cancel_job(given.id, given.members, given.reason)
return {'OK'}
