-- Fragment: conversations that are kept. The messages are a list of JSON objects, the settings a hash beside it; both lapse
-- together, a while after they were last touched. Two indexes find them: per tenant by when they were touched, and over
-- all by when they lapse.
-- include: turns
local LAPSES = P .. ':lapses'
local LAPSED_AT_A_TIME = 20
local function messages_key(tenant, name) return P .. ':conversation:' .. tenant .. ':' .. name end
local function about_key(tenant, name) return P .. ':about:' .. tenant .. ':' .. name end
local function index_key(tenant) return P .. ':conversations:' .. tenant end

local function known(tenant, name)
  return redis.call('EXISTS', messages_key(tenant, name), about_key(tenant, name)) > 0
end

-- The runner that a turn needs: where its own options ask for none, that of the conversation's options.
local function runner_of(given, tenant, name)
  if given ~= '' or name == '' then return given end
  return redis.call('HGET', about_key(tenant, name), 'runner') or ''
end

-- The turn that runs, or will run next; false while there is none.
local function turn_of(tenant, name) return first_turn(turns(tenant, name)) end

local function outlive(key, ttl)
  if redis.call('TTL', key) < ttl then redis.call('EXPIRE', key, ttl) end
end

local function sweep()
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', LAPSES, '-inf', NOW, 'LIMIT', 0, LAPSED_AT_A_TIME)) do
    local tenant, name = string.match(entry, '^(%S+) (.+)$')
    redis.call('ZREM', LAPSES, entry)
    if not known(tenant, name) then redis.call('ZREM', index_key(tenant), name) end
  end
end

-- Lets the conversation's time begin anew. `ttl` is what holds where it has no time of its own.
local function touch(tenant, name, ttl)
  local about = about_key(tenant, name)
  ttl = tonumber(redis.call('HGET', about, 'ttl') or ttl)
  redis.call('HSETNX', about, 'created_at', STAMP)
  redis.call('HSET', about, 'updated_at', STAMP)
  redis.call('EXPIRE', about, ttl)
  redis.call('EXPIRE', messages_key(tenant, name), ttl)
  redis.call('ZADD', index_key(tenant), NOW, name)
  redis.call('ZADD', LAPSES, NOW + ttl, tenant .. ' ' .. name)
  outlive(index_key(tenant), ttl)
  outlive(LAPSES, ttl)
  sweep()
end

local function keep(tenant, name, ttl, messages)
  -- Some at a time: unpack has a limit, and a long history is copied by this too.
  for from = 1, #messages, 500 do
    redis.call('RPUSH', messages_key(tenant, name), unpack(messages, from, math.min(from + 499, #messages)))
  end
  touch(tenant, name, ttl)
end
