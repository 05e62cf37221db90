-- Lists a tenant's conversations, the one that was changed last first.
--
-- Arguments  tenant
--            limit  of their number
-- Answers    OK conversations, of each: name, messages (their number), turns_waiting (those that run or wait),
--            seconds (until it expires), created_at, updated_at, model or ''
-- include: keys events conversations
local tenant, limit = given.tenant, tonumber(given.limit)

local function row(name)
  local about = fields(about_key(tenant, name), 'created_at', 'updated_at', 'model')
  return {'name', name, 'messages', redis.call('LLEN', messages_key(tenant, name)),
    'turns_waiting', redis.call('ZCARD', turns_key(tenant, name)), 'seconds', redis.call('TTL', about_key(tenant, name)),
    'created_at', about.created_at or STAMP, 'updated_at', about.updated_at or STAMP, 'model', about.model or ''}
end

sweep_conversations()
local found, from = {}, 0
while #found < limit do
  local names = redis.call('ZREVRANGE', index_key(tenant), from, from + limit - 1)
  for _, name in ipairs(names) do
    if not conversation_exists(tenant, name) then
      redis.call('ZREM', index_key(tenant), name)
    elseif #found < limit then
      from = from + 1
      found[#found + 1] = row(name)
    end
  end
  if #names < limit then break end
end
return {'OK', 'conversations', found}
