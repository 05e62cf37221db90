-- Publishes a version's scripts as those of the fleet, for a while. Of two versions the higher one stays published; of two
-- with the same number, the first one.
--
-- Arguments  version   a number
--            digest    of all scripts of the version
--            scripts   JSON object: the SHA-1 and the arguments' names, joined by blanks, by verb
--            seconds   for which they stay published
-- Answers    OK | OTHER version (the scripts of that one stay published)
-- include: keys
local STORE = P .. '.store'  -- the name has no colon, so no producer's ACL covers it
local published = fields(STORE, 'version', 'digest')
if published.digest and published.digest ~= given.digest and tonumber(published.version) >= tonumber(given.version) then
  return confirm_as_master({'OTHER', 'version', published.version})
end
if published.digest ~= given.digest then
  redis.call('DEL', STORE)
  redis.call('HSET', STORE, 'version', given.version, 'digest', given.digest)
  for verb, script in pairs(cjson.decode(given.scripts)) do redis.call('HSET', STORE, 'script:' .. verb, script) end
end
redis.call('EXPIRE', STORE, given.seconds)
return {'OK'}
