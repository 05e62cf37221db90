-- Changes what a conversation is set to; it begins to exist by that.
--
-- ARGV  1 prefix, 2 tenant, 3 name, 4 seconds for which it is kept where it has no `ttl`, 5... field, value; '' clears one
-- Returns  'OK'
-- include: keys events conversations
local tenant, name = ARGV[2], ARGV[3]
for index = 5, #ARGV, 2 do
  if ARGV[index + 1] == '' then
    redis.call('HDEL', about_key(tenant, name), ARGV[index])
  else
    redis.call('HSET', about_key(tenant, name), ARGV[index], ARGV[index + 1])
  end
end
refresh_conversation(tenant, name, ARGV[4])
return 'OK'
