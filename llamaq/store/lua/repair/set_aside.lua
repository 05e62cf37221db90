-- Fragment: keys that something else has written over. They are renamed to '<prefix>:damaged:<key>', so that they hold up
-- nothing, and can be looked at. What else was found is noted in DAMAGED, which `worker check` and the metrics read.
local damage = {     -- one table, because Lua takes 200 locals in a script
  KEY = P .. ':damaged',  -- sorted set: notes (JSON), by their time
  KEPT_SECONDS = 7 * 86400,
  MOST = 1000,
}

-- Notes what was wrong with a key, or with a field of a hash.
function damage.note(key, field, found, wanted)
  if redis.call('TYPE', damage.KEY).ok ~= 'zset' then redis.call('DEL', damage.KEY) end
  local note = cjson.encode({key = key, field = field, found = string.sub(found, 1, 100), wanted = wanted})
  redis.call('ZADD', damage.KEY, redis.call('TIME')[1], note)
  redis.call('ZREMRANGEBYRANK', damage.KEY, 0, -1 - damage.MOST)
  redis.call('EXPIRE', damage.KEY, damage.KEPT_SECONDS)
end

-- Sets a key aside that is of another type. Returns whether it was one.
function damage.set_aside(key, wanted)
  local found = redis.call('TYPE', key).ok
  if found == wanted or found == 'none' then return false end
  local moved = redis.pcall('RENAME', key, damage.KEY .. ':' .. key)
  if moved.err then error(key .. ' is a ' .. found .. ', not a ' .. wanted .. ', and cannot be renamed: ' .. moved.err) end
  redis.call('EXPIRE', damage.KEY .. ':' .. key, damage.KEPT_SECONDS)
  damage.note(key, '', found, wanted)
  return true
end

-- Removes the fields of a hash that are no numbers. Those in `whole` have to be whole ones.
function damage.check_numbers(key, whole, ...)
  local names = {...}
  for index, value in ipairs(redis.call('HMGET', key, ...)) do
    local number = value and tonumber(value)
    local sound = number and math.abs(number) < 1e15 and (not whole or string.find(value, '^%-?%d+$'))
    if value and not sound then
      redis.call('HDEL', key, names[index])
      damage.note(key, names[index], value, whole and 'whole number' or 'number')
    end
  end
end
