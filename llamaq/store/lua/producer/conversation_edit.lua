-- Replaces one message of a conversation.
--
-- Arguments  tenant, name
--            conversation_ttl  seconds that the conversation is kept, unless it has a `ttl`
--            index             of the message, from 0
--            before            the message as it was read
--            after             the new one
-- Answers    OK | BUSY turn (the id of the job that runs or waits) | CHANGED (it is another message now: read again)
-- Invariant: sent twice, it has one effect.
-- include: keys events conversations
local tenant, name = given.tenant, given.name
local turn = current_turn(tenant, name)
if turn then return confirm_as_master({'BUSY', 'turn', turn}) end
local there = redis.call('LINDEX', messages_key(tenant, name), given.index)
if there == given.after then return confirm_as_master({'OK'}) end
if there ~= given.before then return confirm_as_master({'CHANGED'}) end
redis.call('LSET', messages_key(tenant, name), given.index, given.after)
refresh_conversation(tenant, name, given.conversation_ttl)
return {'OK'}
