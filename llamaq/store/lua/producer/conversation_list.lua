-- Lists a page of a tenant's conversations, the one that was changed last first.
--
-- Arguments  tenant
--            skipped  how many come before the page
--            limit    of their number
-- Answers    OK more (1 where others may follow), conversations, of each: name, messages (their number), turns_waiting
--            (those that run or wait), seconds (until it expires), created_at, updated_at, model or ''
-- include: keys events conversations
local tenant, limit = given.tenant, tonumber(given.limit)

local function row(name)
  local about = fields(about_key(tenant, name), 'created_at', 'updated_at', 'model')
  return {'name', name, 'messages', redis.call('LLEN', messages_key(tenant, name)),
    'turns_waiting', redis.call('ZCARD', turns_key(tenant, name)), 'seconds', redis.call('TTL', about_key(tenant, name)),
    'created_at', damage.number(about.created_at) and about.created_at or STAMP,
    'updated_at', damage.number(about.updated_at) and about.updated_at or STAMP, 'model', about.model or ''}
end

sweep_conversations()
local from, found = tonumber(given.skipped), {}
local names = redis.call('ZREVRANGE', index_key(tenant), from, from + limit - 1)
for _, name in ipairs(names) do
  if conversation_exists(tenant, name) then
    found[#found + 1] = row(name)
  else
    redis.call('ZREM', index_key(tenant), name)
  end
end
return {'OK', 'conversations', found, 'more', #names == limit and 1 or 0}
