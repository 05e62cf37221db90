-- Ends an attempt whose job waits for another one: after a failure that may not happen again, or because its worker stops.
--
-- Arguments  id, fence
--            members        JSON members of `retrying` ("error":..., "delay_seconds":...)
--            delay_seconds
--            counts         1 when the attempt counts as a try, else 0
--            blame          'host', 'doubt' or '': whether the failure speaks against the host (see circuit_changes.lua)
--            reason         what went wrong
-- Answers    OK | CANCELLED | FENCED, as finish.lua
-- include: keys events queue assignment ending requeue circuit_changes
local id = given.id
local job = fields(record(id), 'fence', 'state', 'host', 'lease')
if job.fence ~= given.fence or job.state == 'retrying' then return {'FENCED'} end
local ended = TERMINAL[job.state]
if job.lease == 'claimed' then free_slot(job.host, id) end
if not ended then
  if given.counts == '0' then redis.call('HINCRBY', record(id), 'tries', -1) end
  if given.blame ~= '' then record_failure(job.host, id, given.blame, given.reason) end
  requeue_running(id, given.members, retry_delay(job.host, given.blame, tonumber(given.delay_seconds)))
  if given.blame ~= '' then retry_elsewhere(id, job.host) end
end
assign(job.host)
return {ended and 'CANCELLED' or 'OK'}
