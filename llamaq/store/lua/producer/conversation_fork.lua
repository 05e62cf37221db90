-- Begins a conversation with another one's settings and its first messages. Turns that run or wait are no part of it.
--
-- Arguments  tenant, name
--            conversation_ttl  seconds for which it is kept where it has no `ttl` of its own
--            new_name          of the conversation that begins
--            number            of messages that it gets
--            last              the last of them as it was read; '' for none
--            token             a name for this very fork
-- Answers    OK | MISSING | EXISTS (the new name is taken) | CHANGED (another message is there now: read again)
-- Invariant: sent twice, it acts once.
-- include: keys events conversations
local tenant, name, new, number = given.tenant, given.name, given.new_name, tonumber(given.number)
if redis.call('HGET', about_key(tenant, new), 'forked') == given.token then return {'OK'} end
if not conversation_exists(tenant, name) then return {'MISSING'} end
if conversation_exists(tenant, new) or current_turn(tenant, new) then return {'EXISTS'} end
if number > 0 and redis.call('LINDEX', messages_key(tenant, name), number - 1) ~= given.last then return {'CHANGED'} end

for _, field in ipairs({'model', 'system', 'options', 'tools', 'ttl', 'runner'}) do
  local value = redis.call('HGET', about_key(tenant, name), field)
  if value then redis.call('HSET', about_key(tenant, new), field, value) end
end
redis.call('HSET', about_key(tenant, new), 'forked', given.token)
local first = number > 0 and redis.call('LRANGE', messages_key(tenant, name), 0, number - 1) or {}
append_messages(tenant, new, given.conversation_ttl, first)
return {'OK'}
