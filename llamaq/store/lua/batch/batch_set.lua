-- Moves a batch on to its next status. One that is being cancelled goes on to its end alone, which is `cancelled`.
--
-- Arguments  id, owner
--            status    the new one
--            stamp     the field that gets the time, such as `completed_at`
--            changes   further fields, a JSON object of texts
--            ended     1 where it has ended
--            ttl       seconds for which an ended batch is kept
-- Answers    OK status (which may be the old one) | LOST (another holds it, or it is gone)
-- include: keys events batches
local key, changes = batches.record(given.id), cjson.decode(given.changes)
if not batches.is_held_by(given.id, given.owner) then return confirm_as_master({'LOST'}) end
for name, value in pairs(changes) do redis.call('HSET', key, name, value) end
local status, stamp, ended = given.status, given.stamp, given.ended == '1'
if redis.call('HGET', key, 'status') == 'cancelling' then status, stamp = ended and 'cancelled', 'cancelled_at' end
if status then redis.call('HSET', key, 'status', status, stamp, math.floor(NOW)) end
if ended then
  redis.call('HSET', key, 'owner', '')
  redis.call('ZREM', batches.OPEN, given.id)
  redis.call('EXPIRE', key, given.ttl)
end
return {'OK', 'status', redis.call('HGET', key, 'status')}
