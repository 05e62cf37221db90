-- Forgets a conversation's latest messages.
--
-- ARGV  1 prefix, 2 tenant, 3 name, 4 seconds for which it is kept where it has no `ttl`, 5 number of messages that stay,
--       6 the last of them as it was read, '' where none stays
-- Returns  {'OK'} | {'BUSY', job id} (a turn runs or waits) | {'MISSING'} | {'CHANGED'} (another message is there now: read again)
-- include: keys events conversations
local tenant, name, number = ARGV[2], ARGV[3], tonumber(ARGV[5])
local head = current_turn(tenant, name)
if head then return {'BUSY', head} end
if not conversation_exists(tenant, name) then return {'MISSING'} end
if number == 0 then
  redis.call('DEL', messages_key(tenant, name))
else
  if redis.call('LINDEX', messages_key(tenant, name), number - 1) ~= ARGV[6] then return {'CHANGED'} end
  redis.call('LTRIM', messages_key(tenant, name), 0, number - 1)
end
refresh_conversation(tenant, name, ARGV[4])
return {'OK'}
