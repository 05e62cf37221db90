-- Changes the settings of a conversation; it begins to exist by that.
--
-- Arguments  tenant, name
--            conversation_ttl  seconds for which it is kept where it has no `ttl` of its own
--            changes           JSON object of texts by setting; '' clears one
-- Answers    OK
-- include: keys events conversations
local about = about_key(given.tenant, given.name)
for setting, text in pairs(cjson.decode(given.changes)) do
  if text == '' then redis.call('HDEL', about, setting) else redis.call('HSET', about, setting, text) end
end
refresh_conversation(given.tenant, given.name, given.conversation_ttl)
return {'OK'}
