-- Fragment: kept conversations. The messages are a list of JSON objects, the settings a hash beside it, with the images of
-- its messages. All expire together, a time after the last change. One index for each tenant orders them by the last
-- change; one over all tenants orders them by expiry.
-- include: turn_queue
local LAPSES = P .. ':lapses'
local LAPSED_AT_A_TIME = 20
local function messages_key(tenant, name) return P .. ':conversation:' .. tenant .. ':' .. name end
local function index_key(tenant) return P .. ':conversations:' .. tenant end

local function conversation_exists(tenant, name)
  return redis.call('EXISTS', messages_key(tenant, name), about_key(tenant, name)) > 0
end

-- The runner that a turn needs: that of its own load options, or else of the conversation's.
local function turn_runner(given, tenant, name)
  if given ~= '' or name == '' then return given end
  return redis.call('HGET', about_key(tenant, name), 'runner') or ''
end

-- The turn that runs, or that runs next; false where there is none.
local function current_turn(tenant, name) return first_turn(turns_key(tenant, name)) end

local function extend_expiry(key, ttl)
  if redis.call('TTL', key) < ttl then redis.call('EXPIRE', key, ttl) end
end

local function sweep_conversations()
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', LAPSES, '-inf', NOW, 'LIMIT', 0, LAPSED_AT_A_TIME)) do
    local tenant, name = string.match(entry, '^(%S+) (.+)$')
    redis.call('ZREM', LAPSES, entry)
    if tenant and not conversation_exists(tenant, name) then redis.call('ZREM', index_key(tenant), name) end
  end
end

-- Restarts the conversation's expiry. `ttl` counts where the conversation has none of its own.
local function refresh_conversation(tenant, name, ttl)
  local about = about_key(tenant, name)
  ttl = tonumber(redis.call('HGET', about, 'ttl') or nil) or tonumber(ttl)
  redis.call('HSETNX', about, 'created_at', STAMP)
  redis.call('HSET', about, 'updated_at', STAMP)
  redis.call('EXPIRE', about, ttl)
  redis.call('EXPIRE', messages_key(tenant, name), ttl)
  redis.call('ZADD', index_key(tenant), NOW, name)
  redis.call('ZADD', LAPSES, NOW + ttl, tenant .. ' ' .. name)
  extend_expiry(index_key(tenant), ttl)
  extend_expiry(LAPSES, ttl)
  for sha in string.gmatch(redis.call('HGET', about, 'images') or '', '[^ ]+') do
    -- One that a job holds has no expiry (-1).
    if redis.call('TTL', blob_key(sha)) >= 0 then extend_expiry(blob_key(sha), ttl) end
    kept_images.note(sha, '=' .. tenant .. ':' .. name, ttl)
  end
  sweep_conversations()
end

-- The lines of a text: messages come in as JSON, one a line.
local function lines(text)
  local found = {}
  for line in string.gmatch(text, '[^\n]+') do found[#found + 1] = line end
  return found
end

-- Its callers make sure that a turn is appended once: finish.lua and, for an interrupted turn, when_busy.lua.
local function append_messages(tenant, name, ttl, messages)
  -- In pages, because unpack has a limit.
  for from = 1, #messages, 500 do
    redis.call('RPUSH', messages_key(tenant, name), unpack(messages, from, math.min(from + 499, #messages)))
  end
  refresh_conversation(tenant, name, ttl)
end
