-- Begins a conversation with another one's settings and its first messages. Turns that run or wait are no part of it.
--
-- ARGV  1 prefix, 2 tenant, 3 name, 4 seconds for which it is kept where it has no `ttl`, 5 name of the new one,
--       6 number of messages, 7 the last of them as it was read, '' for none, 8 a name for this very fork
-- Returns  {'OK'} | {'MISSING'} | {'EXISTS'} (the new name is taken) | {'CHANGED'} (another message is there now: read again)
-- Invariant: sent twice, it acts once.
-- include: keys events conversations
local tenant, name, new, number = ARGV[2], ARGV[3], ARGV[5], tonumber(ARGV[6])
if redis.call('HGET', about_key(tenant, new), 'forked') == ARGV[8] then return {'OK'} end
if not conversation_exists(tenant, name) then return {'MISSING'} end
if conversation_exists(tenant, new) or current_turn(tenant, new) then return {'EXISTS'} end
if number > 0 and redis.call('LINDEX', messages_key(tenant, name), number - 1) ~= ARGV[7] then return {'CHANGED'} end

for _, field in ipairs({'model', 'system', 'options', 'tools', 'ttl', 'runner'}) do
  local value = redis.call('HGET', about_key(tenant, name), field)
  if value then redis.call('HSET', about_key(tenant, new), field, value) end
end
redis.call('HSET', about_key(tenant, new), 'forked', ARGV[8])
append_messages(tenant, new, ARGV[4], number > 0 and redis.call('LRANGE', messages_key(tenant, name), 0, number - 1) or {})
return {'OK'}
