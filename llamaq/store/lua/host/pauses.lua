-- Fragment: hosts and models that an operator has paused. A hash has `host:<host>` and `model:<model>`, each with a word:
--   paused    no job gets a slot there; a host still takes host jobs
--   draining  nothing at all begins there
-- What runs ends as usual. It is kept apart from the records of hosts, which are forgotten a minute after their last worker.
-- include: keys events
local pauses = {KEY = P .. ':paused', known = {}}  -- one table, because Lua takes 200 locals in a script

-- The word, or nil. Most often nothing is paused, so a script asks for that first, and once.
function pauses.of(what)
  if pauses.any == nil then pauses.any = redis.call('EXISTS', pauses.KEY) == 1 end
  if not pauses.any then return nil end
  if pauses.known[what] == nil then pauses.known[what] = redis.call('HGET', pauses.KEY, what) end
  return pauses.known[what] or nil
end

function pauses.of_host(host) return pauses.of('host:' .. host) end
function pauses.of_model(model) return pauses.of('model:' .. model) end

-- Sets the word, or removes it where it is ''.
function pauses.set(what, word)
  if word == '' then redis.call('HDEL', pauses.KEY, what) else redis.call('HSET', pauses.KEY, what, word) end
  pauses.any, pauses.known = nil, {}
end
