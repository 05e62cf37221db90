-- Publishes a version's scripts as those of the fleet, for a while. Where two versions are at work, the higher one decides;
-- of two with the same number, the one that was there first.
--
-- Arguments  version   a number
--            digest    of all scripts of the version
--            scripts   JSON object: the SHA-1 and the arguments' names, joined by blanks, by verb
--            seconds   for which they stay published
-- Answers    OK | OTHER version (the scripts of that one stay published)
-- include: keys
local STORE = P .. '.store'  -- a dot, not a colon: no producer's ACL lets it write there
local there = fields(STORE, 'version', 'digest')
if there.digest and there.digest ~= given.digest and tonumber(there.version) >= tonumber(given.version) then
  return {'OTHER', 'version', there.version}
end
if there.digest ~= given.digest then
  redis.call('DEL', STORE)
  redis.call('HSET', STORE, 'version', given.version, 'digest', given.digest)
  for verb, script in pairs(cjson.decode(given.scripts)) do redis.call('HSET', STORE, 'script:' .. verb, script) end
end
redis.call('EXPIRE', STORE, given.seconds)
return {'OK'}
