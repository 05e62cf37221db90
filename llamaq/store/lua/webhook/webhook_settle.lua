-- Records the outcome of a delivery that was taken.
--
-- Arguments  id
--            tries      the number of the try
--            outcome    'done' | 'later' | 'dead'
--            seconds    until the next try
--            reason     why it failed
--            body       as it would have been sent
-- Answers    OK | STALE (another worker has taken it since: nothing is changed)
-- include: keys events webhook dead_letter
local id, outcome = given.id, given.outcome
if redis.call('HGET', delivery_key(id), 'tries') ~= given.tries then return confirm_as_master({'STALE'}) end
if outcome == 'later' then
  redis.call('ZADD', FAILING, NOW + OWED_SECONDS, id)
  redis.call('ZREMRANGEBYSCORE', FAILING, '-inf', NOW)
  redis.call('EXPIRE', FAILING, OWED_SECONDS)
  redis.call('ZADD', WEBHOOKS, NOW + tonumber(given.seconds), id)
  return {'OK'}
end
redis.call('ZREM', FAILING, id)
if outcome == 'dead' then
  add_dead_letter(id, '', 'webhook', given.body, given.reason)
end
redis.call('DEL', delivery_key(id))
redis.call('ZREM', WEBHOOKS, id)
return {'OK'}
