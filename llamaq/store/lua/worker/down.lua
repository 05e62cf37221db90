-- Records that a worker's host does not answer. When none of its workers reaches it, the circuit opens: no job is assigned,
-- and its unclaimed jobs are requeued. The host stays known with its models, so jobs wait for it.
--
-- Arguments  host, worker
--            slots       per model
--            max_models  that run at a time
--            reason      what went wrong
--            version, since  of the worker, and when it started (Unix seconds), or ''
--            webhooks    that the worker sends, by senders.lua
-- Answers    OK circuit, wanted (1 while jobs wait for its models)
-- include: keys events queue assignment ending requeue sizes senders
local host = given.host
stated_size.set(host, given.worker, given.slots, given.max_models, '', given.version, given.since)
senders.state(given.webhooks)
redis.call('HSET', host_key(host), 'last_error', given.reason, 'last_error_at', STAMP)
redis.call('ZADD', HOSTS, NOW, host)
redis.call('ZREM', workers_key(host), given.worker)
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
if redis.call('ZCARD', workers_key(host)) == 0 then
  redis.call('HSET', host_key(host), 'circuit', 'open')
  redis.call('HDEL', host_key(host), 'retry_at', 'trial')
  note(PENDING.hosts, host)
  requeue_unclaimed(host)
end

-- A host that never answered may have any model, so any waiting job may be for it.
local has_models, wanted = redis.call('SCARD', host_models_key(host)) > 0, 0
for _, lane in ipairs(LANES) do
  local waiting = WAITING .. lane
  local models = has_models and redis.call('SINTER', waiting, host_models_key(host)) or redis.call('SMEMBERS', waiting)
  if #models > 0 then wanted = 1 end
end
return {'OK', 'circuit', circuit_of(host), 'wanted', wanted}
