-- Deletes a conversation's latest messages.
--
-- Arguments  tenant, name
--            conversation_ttl  seconds that the conversation is kept, unless it has a `ttl`
--            number            of messages that stay
--            last              the last of these as it was read; '' where none stays
-- Answers    OK | BUSY turn (the id of the job that runs or waits) | MISSING
--            CHANGED (it is another message now: read again)
-- include: keys events conversations
local tenant, name, number = given.tenant, given.name, tonumber(given.number)
local turn = current_turn(tenant, name)
if turn then return confirm_as_master({'BUSY', 'turn', turn}) end
if not conversation_exists(tenant, name) then return confirm_as_master({'MISSING'}) end
if number == 0 then
  redis.call('DEL', messages_key(tenant, name))
else
  if redis.call('LINDEX', messages_key(tenant, name), number - 1) ~= given.last then return confirm_as_master({'CHANGED'}) end
  redis.call('LTRIM', messages_key(tenant, name), 0, number - 1)
end
refresh_conversation(tenant, name, given.conversation_ttl)
return {'OK'}
