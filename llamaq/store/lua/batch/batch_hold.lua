-- Renews the lease of a batch; or gives it back, so that another process takes it at once.
--
-- Arguments  id, owner
--            lease_seconds  0 to give it back
-- Answers    OK status, now (Unix seconds) | LOST (another holds it, or it is gone)
-- include: keys events batches
if not batches.is_held_by(given.id, given.owner) then return confirm_as_master({'LOST'}) end
local seconds = tonumber(given.lease_seconds)
if seconds == 0 then redis.call('HSET', batches.record(given.id), 'owner', '') end
redis.call('ZADD', batches.OPEN, 'XX', NOW + seconds, given.id)
return {'OK', 'status', redis.call('HGET', batches.record(given.id), 'status'), 'now', STAMP}
