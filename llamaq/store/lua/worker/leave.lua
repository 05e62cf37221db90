-- Takes a worker off its host. With the last one the host gets nothing more, and its jobs that no worker has claimed wait again.
--
-- Arguments  host, worker
-- Answers    OK
-- include: keys events queue assignment ending requeue
local host = given.host
redis.call('ZREM', workers_key(host), given.worker)
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
if redis.call('ZCARD', workers_key(host)) > 0 then return {'OK'} end
redis.call('ZADD', HOSTS, 'XX', NOW - HOST_SECONDS, host)  -- known for a while yet, with its models: jobs for them wait
requeue_unclaimed(host)
return {'OK'}
