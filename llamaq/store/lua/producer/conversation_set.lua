-- Changes the settings of a conversation, and creates it where it does not exist.
--
-- Arguments  tenant, name
--            conversation_ttl  seconds that the conversation is kept, unless it has a `ttl`
--            changes           JSON object of texts by setting; '' clears one
-- Answers    OK
-- include: keys events conversations
local about = about_key(given.tenant, given.name)
for setting, text in pairs(cjson.decode(given.changes)) do
  if text == '' then redis.call('HDEL', about, setting) else redis.call('HSET', about, setting, text) end
end
refresh_conversation(given.tenant, given.name, given.conversation_ttl)
return {'OK'}
