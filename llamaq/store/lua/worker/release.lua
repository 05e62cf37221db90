-- Ends an attempt whose job waits for another one: after a failure that may not happen again, or because its worker stops.
--
-- Arguments  id, fence
--            members        JSON members of `retrying` ("error":..., "delay_seconds":...)
--            delay_seconds
--            counts         1 when the attempt counts as a try, else 0
--            blame          'host' or 'doubt': the failure speaks against the host (see circuit_changes.lua);
--                           'model': the host refused a job of this model (see refusals.lua); 'fault': it failed at this
--                           model; or '': then a try keeps the job from the host (see exclusions.lua)
--            reason         what went wrong
--            error          the same as the job's error, JSON
--            wait_seconds   what the host's Retry-After asks for, or 0
--            give_up        seconds of refusals in all, after which the job ends with `error`
--            ran_seconds    how long the attempt took, by its worker's clock
-- Answers    OK | CANCELLED | FENCED, as finish.lua
-- include: keys events queue assignment ending requeue circuit_changes fences
local id, blame = given.id, given.blame
local job = fields(record(id), 'fence', 'state', 'host', 'lease', 'model', 'failed_on')
if job.fence ~= given.fence or job.state == 'retrying' then return confirm_as_master({'FENCED'}) end

-- Records the failure; returns the hosts that have refused the job.
local function blame_host()
  redis.call('HINCRBY', record(id), 'blamed', 1)
  record_blame(job.host, job.model, id, blame, given.reason, tonumber(given.wait_seconds))
  return blame == 'model' and note_refusal(id, job.host, given.error, tonumber(given.give_up)) or ''
end

-- A refused attempt did not run.
local ran = blame == 'model' and 0 or tonumber(given.ran_seconds)
local ended = TERMINAL[job.state]
if job.lease == 'claimed' then free_slot(job.host, id) end
take_fence(job.host, id)
if not ended then
  if given.counts == '0' then redis.call('HINCRBY', record(id), 'tries', -1) end
  if blame ~= 'model' and (blame ~= '' or given.counts == '1') then
    redis.call('HDEL', record(id), 'refused_at', 'refused_by', 'refusal')
  end
  if blame == '' and given.counts == '1' then
    redis.call('HSET', record(id), 'failed_on', exclusions.add(job.failed_on, job.host))
  end
  local refused_by = blame ~= '' and blame_host()
  requeue_running(id, given.members, retry_delay(job.host, blame, tonumber(given.delay_seconds)), ran)
  if refused_by then retry_elsewhere(id, job.host, refused_by) end
end
assign(job.host)
return {ended and 'CANCELLED' or 'OK'}
