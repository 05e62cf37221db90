-- Puts another message in the place of one.
--
-- ARGV  1 prefix, 2 tenant, 3 name, 4 seconds for which it is kept where it has no `ttl`, 5 index, 6 the message as it was
--       read, 7 the new one
-- Returns  {'OK'} | {'BUSY', job id} (a turn runs or waits) | {'CHANGED'} (another message is there now: read again)
-- Invariant: sent twice, it acts once.
-- include: keys events conversations
local tenant, name = ARGV[2], ARGV[3]
local head = current_turn(tenant, name)
if head then return {'BUSY', head} end
local there = redis.call('LINDEX', messages_key(tenant, name), ARGV[5])
if there == ARGV[7] then return {'OK'} end
if there ~= ARGV[6] then return {'CHANGED'} end
redis.call('LSET', messages_key(tenant, name), ARGV[5], ARGV[7])
refresh_conversation(tenant, name, ARGV[4])
return {'OK'}
