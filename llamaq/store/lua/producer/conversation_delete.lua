-- Deletes a conversation: its messages and its settings.
--
-- Arguments  tenant, name
--            token  unique for this deletion; '' of an older SDK
-- Answers    OK | MISSING | BUSY turn (the id of the job that runs or waits)
-- Invariant: sent twice, it has one effect, and the same answer.
-- include: keys events conversations
local SENT_AGAIN_SECONDS = 3600  -- the longest limit of a call
local tenant, name = given.tenant, given.name
local done = P .. ':deleted:' .. given.token
if given.token ~= '' and redis.call('EXISTS', done) == 1 then return confirm_as_master({'OK'}) end
local turn = current_turn(tenant, name)
if turn then return confirm_as_master({'BUSY', 'turn', turn}) end
if not conversation_exists(tenant, name) then return confirm_as_master({'MISSING'}) end
redis.call('DEL', messages_key(tenant, name), about_key(tenant, name))
redis.call('ZREM', index_key(tenant), name)
redis.call('ZREM', LAPSES, tenant .. ' ' .. name)
if given.token ~= '' then redis.call('SET', done, 1, 'EX', SENT_AGAIN_SECONDS) end
return {'OK'}
