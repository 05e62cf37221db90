-- Forgets a conversation: its messages and its settings.
--
-- ARGV  1 prefix, 2 tenant, 3 name
-- Returns  {'OK'} | {'MISSING'} | {'BUSY', job id} (a turn runs or waits)
-- include: keys events conversations
local tenant, name = ARGV[2], ARGV[3]
local head = current_turn(tenant, name)
if head then return {'BUSY', head} end
if not conversation_exists(tenant, name) then return {'MISSING'} end
redis.call('DEL', messages_key(tenant, name), about_key(tenant, name))
redis.call('ZREM', index_key(tenant), name)
redis.call('ZREM', LAPSES, tenant .. ' ' .. name)
return {'OK'}
