-- Makes a file of pieces that are there already.
--
-- Arguments  id, tenant, filename, purpose
--            bytes, pieces  how long the text is, and the number of its last piece
--            ttl            seconds for which it is kept
--            most_bytes     of all files of the tenant together; 0 for no limit
-- Answers    OK (also where the file is there already) | GONE (the pieces have expired) | FULL bytes (of the other files)
-- Invariant: with every answer but OK nothing changes, but that expired files are forgotten.
-- include: keys events files
local id, tenant, bytes = given.id, given.tenant, tonumber(given.bytes)
if redis.call('EXISTS', files.record(id)) == 1 then return confirm_as_master({'OK'}) end
if bytes > 0 and redis.call('EXISTS', files.pieces(id)) == 0 then return confirm_as_master({'GONE'}) end
files.forget_expired(tenant)
local others = tonumber(redis.call('GET', files.bytes(tenant)) or 0)
local most = tonumber(given.most_bytes)
if most > 0 and others + bytes > most then return confirm_as_master({'FULL', 'bytes', others}) end

redis.call('HSET', files.record(id), 'tenant', tenant, 'filename', given.filename, 'purpose', given.purpose, 'bytes', bytes,
  'pieces', given.pieces, 'created_at', math.floor(NOW))
redis.call('EXPIRE', files.record(id), given.ttl)
redis.call('ZADD', files.index(tenant), NOW, id)
redis.call('INCRBY', files.bytes(tenant), bytes)
if redis.call('EXISTS', files.pieces(id)) == 1 then redis.call('EXPIRE', files.pieces(id), given.ttl) end
files.keep(tenant, id, bytes, tonumber(given.ttl))
return {'OK'}
