-- Cancels a job, in whatever state, at once: nobody's answer is waited for.
--
-- ARGV  1 prefix, 2 id, 3 JSON members of the event ("reason":...), 4 the reason
-- Returns  {'OK', rings} | {'TOO_LATE', state} (it had ended) | {'MISSING'}
-- Invariant: a running job keeps its slot until its worker has closed the connection and says so (or its lease lapses).
-- include: keys events waiting slots endings
local id, rings = ARGV[2], {}
local job = redis.call('HMGET', record(id), 'state', 'host', 'lease')
if not job[1] then return {'MISSING'} end
if TERMINAL[job[1]] then return {'TOO_LATE', job[1]} end

conclude(id, 'cancelled', ARGV[3], rings, 'reason', ARGV[4])
if job[3] == 'placed' then
  drop(job[2], id)
  place(job[2], rings)
elseif job[3] == 'claimed' then
  redis.call('PUBLISH', P .. ':control:' .. job[2], id)
end
return {'OK', rings}
