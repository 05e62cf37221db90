-- Removes a worker from its host. After the last one the host gets no more jobs, and its unclaimed jobs are requeued.
--
-- Arguments  host, worker
-- Answers    OK
-- include: keys events queue assignment ending requeue sizes
local host = given.host
redis.call('ZREM', workers_key(host), given.worker)
redis.call('HDEL', sizes_key(host), given.worker)
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
if redis.call('ZCARD', workers_key(host)) > 0 then return {'OK'} end
redis.call('ZADD', HOSTS, 'XX', NOW - HOST_SECONDS, host)  -- not live, but known with its models, so jobs wait for them
note(PENDING.hosts, host)
requeue_unclaimed(host)
return {'OK'}
