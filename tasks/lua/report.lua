-- Takes a worker's report of its host, and serves the host if it has free slots.
--
-- ARGV  1 prefix, 2 host, 3 worker, 4 slots per model, 5 models at a time, 6 status JSON, 7... models it offers
-- Returns  {'OK', rings}
-- include: keys events waiting slots hosts
local host, models, rings = ARGV[2], {}, {}
for index = 7, #ARGV do models[#models + 1] = ARGV[index] end
redis.call('HSET', host_key(host), 'slots', ARGV[4], 'max_models', ARGV[5], 'status', ARGV[6], 'seen_at', STAMP)
redis.call('ZADD', HOSTS, NOW, host)
redis.call('ZADD', host_workers(host), NOW, ARGV[3])
redis.call('ZREMRANGEBYSCORE', host_workers(host), '-inf', NOW - HOST_SECONDS)
offer(host, models)
place(host, rings)
return {'OK', rings}
