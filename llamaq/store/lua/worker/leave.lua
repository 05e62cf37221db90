-- A worker stops consuming. The last one of a host takes the host along, so that nothing more is placed there, and lets
-- what was placed and not begun wait again.
--
-- ARGV  1 prefix, 2 host, 3 worker
-- Returns  {'OK'}
-- include: keys events queue assignment ending requeue
local host = ARGV[2]
redis.call('ZREM', workers_key(host), ARGV[3])
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
if redis.call('ZCARD', workers_key(host)) > 0 then return {'OK'} end
redis.call('ZADD', HOSTS, 'XX', NOW - HOST_SECONDS, host)  -- known for a while yet, with its models: jobs for them wait
requeue_unclaimed(host)
return {'OK'}
