-- Removes a worker from its host. After the last one the host gets no more jobs, and its unclaimed jobs are requeued.
--
-- Arguments  host, worker
--            seconds         for which it goes on with what runs; 0 when it is done
--            version, since  of the worker, and when it started (Unix seconds), or ''
-- Answers    OK
-- include: keys events queue assignment ending requeue sizes
local host = given.host
redis.call('ZREM', workers_key(host), given.worker)
redis.call('HDEL', stated_size.key(host), given.worker)
if tonumber(given.seconds) > 0 then
  redis.call('HSET', stated_size.leaving_key(host), given.worker,
    string.format('%d %s %s', NOW + given.seconds, given.version, given.since))
  redis.call('EXPIRE', stated_size.leaving_key(host), math.ceil(given.seconds))
else
  redis.call('HDEL', stated_size.leaving_key(host), given.worker)
end
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
if redis.call('ZCARD', workers_key(host)) > 0 then return {'OK'} end
redis.call('ZADD', HOSTS, 'XX', NOW - HOST_SECONDS, host)  -- not live, but known with its models, so jobs wait for them
note(PENDING.hosts, host)
requeue_unclaimed(host)
return {'OK'}
