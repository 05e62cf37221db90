-- Begins a conversation with the settings and the first messages of another, without turns that have not ended.
--
-- Arguments  tenant, name
--            conversation_ttl  seconds that the conversation is kept, unless it has a `ttl`
--            new_name          of the conversation that begins
--            number            of messages that it gets
--            last              the last of these as it was read; '' for none
--            token             unique for this fork
-- Answers    OK | MISSING | EXISTS (the new name is taken) | CHANGED (it is another message now: read again)
-- Invariant: sent twice, it has one effect.
-- include: keys events conversations
local tenant, name, new, number = given.tenant, given.name, given.new_name, tonumber(given.number)
if redis.call('HGET', about_key(tenant, new), 'forked') == given.token then return confirm_as_master({'OK'}) end
if not conversation_exists(tenant, name) then return confirm_as_master({'MISSING'}) end
if conversation_exists(tenant, new) or current_turn(tenant, new) then return confirm_as_master({'EXISTS'}) end
if number > 0 and redis.call('LINDEX', messages_key(tenant, name), number - 1) ~= given.last then return confirm_as_master({'CHANGED'}) end

for _, field in ipairs({'model', 'system', 'options', 'tools', 'ttl', 'runner', 'images'}) do
  local value = redis.call('HGET', about_key(tenant, name), field)
  if value then redis.call('HSET', about_key(tenant, new), field, value) end
end
redis.call('HSET', about_key(tenant, new), 'forked', given.token)
local first = number > 0 and redis.call('LRANGE', messages_key(tenant, name), 0, number - 1) or {}
append_messages(tenant, new, given.conversation_ttl, first)
return {'OK'}
