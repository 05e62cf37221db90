-- Fragment: keys that something else has written over. They are renamed to '<prefix>:damaged:<key>', so that they hold up
-- nothing, and can be looked at. What else was found is noted in DAMAGED, which `worker check` and the metrics read.
local damage = {     -- one table, because Lua takes 200 locals in a script
  KEY = P .. ':damaged',  -- sorted set: notes (JSON), by their time
  KEPT_SECONDS = 7 * 86400,
  MOST = 1000,
}

-- A command that fails for what is in its key sets the key aside, and is done once more. A script is no transaction: one that
-- ended in the middle, to be sent again when the key is mended, would find what it has written as if all of it were done.
local plain = redis
local redis = {pcall = plain.pcall, sha1hex = plain.sha1hex}

-- Notes what was wrong with a key, or with a field of a hash.
function damage.note(key, field, found, wanted)
  if plain.call('TYPE', damage.KEY).ok ~= 'zset' then plain.call('DEL', damage.KEY) end
  local note = cjson.encode({key = key, field = field, found = string.sub(found, 1, 100), wanted = wanted})
  plain.call('ZADD', damage.KEY, plain.call('TIME')[1], note)
  plain.call('ZREMRANGEBYRANK', damage.KEY, 0, -1 - damage.MOST)
  plain.call('EXPIRE', damage.KEY, damage.KEPT_SECONDS)
end

-- Sets a key aside that is of another type. Returns whether it was one. Producers may not ask for the type of Celery's keys:
-- there the error of their own command says what is wrong.
function damage.set_aside(key, wanted)
  local found = plain.pcall('TYPE', key).ok
  if not found or found == wanted or found == 'none' then return false end
  local moved = plain.pcall('RENAME', key, damage.KEY .. ':' .. key)
  if moved.err then error(key .. ' is a ' .. found .. ', not a ' .. wanted .. ', and cannot be renamed: ' .. moved.err) end
  plain.call('EXPIRE', damage.KEY .. ':' .. key, damage.KEPT_SECONDS)
  damage.note(key, '', found, wanted)
  if damage.recount then damage.recount(key) end
  if wanted == 'zset' or wanted == 'set' then  -- it may have been an index of jobs: strays.lua looks for those
    damage.lost_index = true
    plain.pcall('HSET', P .. ':reaper', 'strays_page', 0, 'strays_soon', 1)
  end
  return true
end

-- The number that a text says; `default` for none and for what something else has written: NaN, or one beyond `most`. A loop
-- up to such a number would hold Redis up for ever.
function damage.number(text, default, most)
  local number = tonumber(text or nil)
  return number and math.abs(number) < (most or 1e15) and number or default
end

-- Removes the fields of a hash that are no numbers. Those in `whole` have to be whole ones.
function damage.check_numbers(key, whole, ...)
  local names = {...}
  for index, value in ipairs(plain.call('HMGET', key, ...)) do
    local sound = damage.number(value) and (not whole or string.find(value, '^%-?%d+$'))
    if value and not sound then
      plain.call('HDEL', key, names[index])
      damage.note(key, names[index], value, whole and 'whole number' or 'number')
      if damage.recount then damage.recount(key) end
    end
  end
end

-- The type that a command needs, by its first letter.
damage.WANTED = {H = 'hash', Z = 'zset', L = 'list', R = 'list', S = 'set', X = 'stream', G = 'string', I = 'string'}

-- Does a command once more that failed for what is in its key, which is set aside. Another error is raised, with the name of
-- the command where Redis does not have it, or the user may not run it: Redis does not say which command of a script it was.
function damage.retry(problem, command, key, ...)
  if string.find(string.lower(problem), 'unknown redis command', 1, true) or string.find(problem, "can't run this command", 1, true) then
    error('the command ' .. command .. ': ' .. string.gsub(problem, '^%-?ERR ', ''), 0)
  end
  if string.find(problem, 'WRONGTYPE', 1, true) then
    for _, each in ipairs(command == 'SINTER' and {key, ...} or {key}) do
      damage.set_aside(each, damage.WANTED[string.sub(command, 1, 1)])
    end
  elseif string.find(problem, 'not an integer', 1, true) and (command == 'HINCRBY' or command == 'INCRBY') then
    if command == 'INCRBY' then damage.set_aside(key, 'whole number') else damage.check_numbers(key, true, (...)) end
  end
  return plain.call(command, key, ...)
end

do
  local try = plain.pcall  -- a local is found faster, and each command pays for it
  function redis.call(...)
    local answer = try(...)
    if type(answer) == 'table' and answer.err then return damage.retry(answer.err, ...) end
    return answer
  end
end
