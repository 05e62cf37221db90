-- Takes a delivery that is due. No other worker gets it for so many seconds. If it is not settled by then, it is due again.
--
-- Arguments  seconds
-- Answers    TAKEN id, tries (with this one), delivery (its fields) | NONE (is due)
-- include: keys events webhook dead_letter
local MOST_TAKEN = 50  -- far more than the tries of a delivery; after so many, no worker could settle it
for _, id in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', NOW, 'LIMIT', 0, 20)) do
  if redis.call('EXISTS', delivery_key(id)) == 1 then
    local tries = redis.call('HINCRBY', delivery_key(id), 'tries', 1)
    if tries <= MOST_TAKEN then
      redis.call('ZADD', WEBHOOKS, NOW + tonumber(given.seconds), id)
      return {'TAKEN', 'id', id, 'tries', tries, 'delivery', redis.call('HGETALL', delivery_key(id))}
    end
    add_dead_letter(id, '', 'webhook', '', 'webhook: taken ' .. MOST_TAKEN .. ' times, and never settled')
    redis.call('DEL', delivery_key(id))
  end
  redis.call('ZREM', WEBHOOKS, id)
end
return {'NONE'}
