-- Takes a delivery that is due. Whoever takes it has it alone for so long; then, unless it has told, it is due again.
--
-- ARGV  1 prefix, 2 seconds, 3 most entries of the dead-letter stream
-- Returns  {id, tries with this one, names and values of the delivery...} | {} (none is due)
-- include: keys events webhook
local MOST_TAKEN = 50  -- far beyond the tries that there are: each time it was taken, nobody could settle it
for _, id in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', NOW, 'LIMIT', 0, 20)) do
  if redis.call('EXISTS', delivery_key(id)) == 1 then
    local tries = redis.call('HINCRBY', delivery_key(id), 'tries', 1)
    if tries <= MOST_TAKEN then
      redis.call('ZADD', WEBHOOKS, NOW + tonumber(ARGV[2]), id)
      return {id, tries, unpack(redis.call('HGETALL', delivery_key(id)))}
    end
    redis.call('XADD', P .. ':dead', 'MAXLEN', '~', ARGV[3], '*', 'id', id, 'kind', '', 'source', 'webhook', 'message', '',
      'reason', 'webhook: taken ' .. MOST_TAKEN .. ' times, and never settled')
    redis.call('DEL', delivery_key(id))
  end
  redis.call('ZREM', WEBHOOKS, id)
end
return {}
