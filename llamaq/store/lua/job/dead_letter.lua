-- Fragment: the dead-letter stream. Entries older than DEAD_SECONDS are deleted, and the
-- oldest where there are more entries or bytes than these.
-- include: keys events
local DEAD = P .. ':dead'
local DEAD_ENTRIES, DEAD_BYTES, DEAD_SECONDS = 10000, 64 * 1024 * 1024, 30 * 86400

local function add_dead_letter(id, kind, source, message, reason)
  redis.call('XADD', DEAD, 'MAXLEN', '~', DEAD_ENTRIES, '*', 'id', id, 'kind', kind, 'source', source, 'message', message,
    'reason', reason)
  redis.call('XTRIM', DEAD, 'MINID', math.floor((NOW - DEAD_SECONDS) * 1000))
  redis.call('EXPIRE', DEAD, DEAD_SECONDS)
  local entries = redis.call('XLEN', DEAD)
  while entries > 1 do
    local bytes = redis.pcall('MEMORY', 'USAGE', DEAD, 'SAMPLES', 0)  -- an error where the right is missing, or in fakeredis
    if type(bytes) ~= 'number' or bytes <= DEAD_BYTES then break end
    entries = math.floor(entries * 0.75)
    redis.call('XTRIM', DEAD, 'MAXLEN', entries)
  end
end
