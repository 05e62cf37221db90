-- Takes a batch that nobody holds.
--
-- Arguments  owner          a new random name
--            lease_seconds
-- Answers    OK id | NONE
-- include: keys events batches
local due = redis.call('ZRANGEBYSCORE', batches.OPEN, '-inf', NOW, 'LIMIT', 0, batches.LOOKS)
for _, id in ipairs(due) do
  if redis.call('EXISTS', batches.record(id)) == 1 then
    redis.call('HSET', batches.record(id), 'owner', given.owner)
    redis.call('ZADD', batches.OPEN, NOW + tonumber(given.lease_seconds), id)
    return {'OK', 'id', id}
  end
  redis.call('ZREM', batches.OPEN, id)  -- it has expired
end
return {'NONE'}
