-- Deletes a conversation: its messages and its settings.
--
-- Arguments  tenant, name
-- Answers    OK | MISSING | BUSY turn (the id of the job that runs or waits)
-- include: keys events conversations
local tenant, name = given.tenant, given.name
local turn = current_turn(tenant, name)
if turn then return {'BUSY', 'turn', turn} end
if not conversation_exists(tenant, name) then return {'MISSING'} end
redis.call('DEL', messages_key(tenant, name), about_key(tenant, name))
redis.call('ZREM', index_key(tenant), name)
redis.call('ZREM', LAPSES, tenant .. ' ' .. name)
return {'OK'}
