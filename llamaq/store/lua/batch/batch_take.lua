-- Takes a batch that nobody holds.
--
-- Arguments  owner          a new random name
--            lease_seconds
-- Answers    OK id | NONE
-- include: keys events batches
-- Redis' clock was set back: no lease is longer than this one. A holder that is there renews it in time.
local latest = NOW + tonumber(given.lease_seconds)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', batches.OPEN, '(' .. latest, '+inf', 'LIMIT', 0, batches.LOOKS)) do
  redis.call('ZADD', batches.OPEN, latest, id)
end
local due = redis.call('ZRANGEBYSCORE', batches.OPEN, '-inf', NOW, 'LIMIT', 0, batches.LOOKS)
for _, id in ipairs(due) do
  if redis.call('EXISTS', batches.record(id)) == 1 then
    redis.call('HSET', batches.record(id), 'owner', given.owner)
    redis.call('ZADD', batches.OPEN, latest, id)
    return {'OK', 'id', id}
  end
  redis.call('ZREM', batches.OPEN, id)  -- it has expired
end
return {'NONE'}
