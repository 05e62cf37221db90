-- Cancels a job, in whatever state, at once: nobody's answer is waited for.
--
-- ARGV  1 prefix, 2 id, 3 JSON members of the event ("reason":...), 4 the reason
-- Returns  {'OK'} | {'TOO_LATE', state} (it had ended) | {'MISSING'}
-- include: keys events queue assignment ending cancelling
local id = ARGV[2]
local state = redis.call('HGET', record(id), 'state')
if not state then return {'MISSING'} end
if TERMINAL[state] then return {'TOO_LATE', state} end
cancel_job(id, ARGV[3], ARGV[4])
return {'OK'}
