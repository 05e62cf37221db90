-- Gives a running job back: after a failure that another try may mend, or because its worker stops.
--
-- ARGV  1 prefix, 2 id, 3 fence, 4 JSON members of `retrying` ("error":..., "delay_seconds":...), 5 delay seconds,
--       6 '1' when the try counts, '0' when it was no fault of the job's, 7 'host', 'doubt' or '': whether it speaks against the
--       host (see circuit_outcomes.lua), 8 what went wrong
-- Returns  {'OK'} | {'CANCELLED'} | {'FENCED'}, as finish.lua
-- include: keys events queue assignment ending requeue circuit_outcomes
local id = ARGV[2]
local job = redis.call('HMGET', record(id), 'fence', 'state', 'host', 'lease')
if job[1] ~= ARGV[3] or job[2] == 'retrying' then return {'FENCED'} end
local ended = TERMINAL[job[2]]
if job[4] == 'claimed' then free_slot(job[3], id) end
if not ended then
  if ARGV[6] == '0' then redis.call('HINCRBY', record(id), 'tries', -1) end
  if ARGV[7] ~= '' then record_failure(job[3], id, ARGV[7], ARGV[8]) end
  requeue_running(id, ARGV[4], retry_delay(job[3], ARGV[7], tonumber(ARGV[5])))
  if ARGV[7] ~= '' then retry_elsewhere(id, job[3]) end
end
assign(job[3])
return {ended and 'CANCELLED' or 'OK'}
