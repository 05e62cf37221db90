-- Fragment: the files of tenants. A file is a record, and its text in numbered pieces. It expires by itself; the indexes of
-- its tenant are corrected with the tenant's next file.
-- include: keys events
local files = {MOST = 100}  -- expired files that one call forgets

function files.record(id) return P .. ':{' .. id .. '}:file' end
function files.pieces(id) return P .. ':{' .. id .. '}:pieces' end
function files.index(tenant) return P .. ':files:' .. tenant end            -- sorted set: ids by their creation
function files.ends(tenant) return P .. ':files:' .. tenant .. ':ends' end  -- sorted set: `<id> <bytes>` by their expiry
function files.bytes(tenant) return P .. ':files:' .. tenant .. ':bytes' end  -- number: of all files together

-- A key lives for at least so many seconds.
function files.lives(key, seconds)
  if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds) end
end

function files.forget(tenant, id, bytes)
  redis.call('ZREM', files.index(tenant), id)
  if redis.call('ZREM', files.ends(tenant), id .. ' ' .. bytes) == 1 then
    redis.call('INCRBY', files.bytes(tenant), 0 - bytes)  -- not -bytes, which is "-0" for an empty file
  end
end

function files.forget_expired(tenant)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', files.ends(tenant), '-inf', NOW, 'LIMIT', 0, files.MOST)) do
    local id, bytes = string.match(entry, '^(%S+) (%d+)$')
    if id then files.forget(tenant, id, bytes) else redis.call('ZREM', files.ends(tenant), entry) end
  end
end

-- The file and its entries in the indexes are kept for at least so many seconds.
function files.keep(tenant, id, bytes, seconds)
  files.lives(files.record(id), seconds)
  files.lives(files.pieces(id), seconds)
  local until_ = math.floor(NOW) + redis.call('TTL', files.record(id))
  redis.call('HSET', files.record(id), 'expires_at', until_)
  redis.call('ZADD', files.ends(tenant), until_ + 1, id .. ' ' .. bytes)  -- a second later, when it is surely gone
  for _, key in ipairs({files.index(tenant), files.ends(tenant), files.bytes(tenant)}) do files.lives(key, seconds + 2) end
end
