-- Lists a tenant's conversations, the one that was touched last first.
--
-- ARGV  1 prefix, 2 tenant, 3 most of them
-- Returns  for each {name, number of messages, turns that run or wait, seconds for which it is kept yet, created_at,
--          updated_at, model or ''}
-- include: keys events conversations
local tenant, most, found, from = ARGV[2], tonumber(ARGV[3]), {}, 0
sweep_conversations()
while #found < most do
  local names = redis.call('ZREVRANGE', index_key(tenant), from, from + most - 1)
  for _, name in ipairs(names) do
    if not conversation_exists(tenant, name) then
      redis.call('ZREM', index_key(tenant), name)
    elseif #found < most then
      from = from + 1
      local about = redis.call('HMGET', about_key(tenant, name), 'created_at', 'updated_at', 'model')
      found[#found + 1] = {name, redis.call('LLEN', messages_key(tenant, name)), redis.call('LLEN', turns_key(tenant, name)),
        redis.call('TTL', about_key(tenant, name)), about[1] or STAMP, about[2] or STAMP, about[3] or ''}
    end
  end
  if #names < most then break end
end
return found
