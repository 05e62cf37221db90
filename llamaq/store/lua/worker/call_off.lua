-- Cancels a job for a producer without the SDK. Where the job does not exist, it is created as cancelled: the submit and
-- the cancel are two entries of the inbox, and two workers may take them in either order.
--
-- Arguments  id
--            members     JSON members of the event ("reason":...)
--            reason      the same as text
--            result_ttl  seconds
-- Answers    OK | TOO_LATE state (the job had ended)
-- Invariant: sent twice, it has one effect.
-- include: keys events queue assignment ending create_ended cancelling
local id = given.id
local state = redis.call('HGET', record(id), 'state')
if state and TERMINAL[state] then return confirm_as_master({'TOO_LATE', 'state', state}) end
if state then
  cancel_job(id, given.members, given.reason)
  return {'OK'}
end
create_ended(id, 'cancelled', '', given.members, given.result_ttl, 'reason', given.reason)
return {'OK'}
