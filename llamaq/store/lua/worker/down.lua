-- Takes a worker's word that its host does not answer. Once no worker says otherwise, the circuit opens: nothing is placed
-- there, what was placed and not begun goes elsewhere, and the host stays known with its models, so that jobs wait for it.
--
-- ARGV  1 prefix, 2 host, 3 worker, 4 slots per model, 5 models at a time, 6 what went wrong
-- Returns  {'OK', circuit, '1' while jobs wait for what the host has}
-- include: keys events queue assignment ending requeue
local host = ARGV[2]
redis.call('HSET', host_key(host), 'slots', ARGV[4], 'max_models', ARGV[5], 'last_error', ARGV[6], 'last_error_at', STAMP)
redis.call('ZADD', HOSTS, NOW, host)
redis.call('ZREM', workers_key(host), ARGV[3])
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
if redis.call('ZCARD', workers_key(host)) == 0 then
  redis.call('HSET', host_key(host), 'circuit', 'open')
  redis.call('HDEL', host_key(host), 'retry_at', 'trial')
  requeue_unclaimed(host)
end
local wanted, known = '0', redis.call('SCARD', host_models_key(host)) > 0
for _, lane in ipairs(LANES) do
  -- What a host has that never answered nobody knows: it may be what is waited for.
  local models = known and redis.call('SINTER', WAITING .. lane, host_models_key(host)) or redis.call('SMEMBERS', WAITING .. lane)
  if #models > 0 then wanted = '1' end
end
return {'OK', circuit_of(host), wanted}
