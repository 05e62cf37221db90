-- Accepts a batch.
--
-- Arguments  id, tenant
--            input          id of the file with its lines
--            endpoint       that the lines are for
--            window         as the producer wrote it
--            seconds        of the window
--            metadata       JSON
--            caller         JSON: on whose behalf its lines are submitted
--            output         id of the file for the results
--            errors         id of the file for the lines that failed
--            ttl            seconds for which an ended batch is kept
-- Answers    OK | NO_FILE (the tenant has no such file) | PURPOSE purpose (of the file, which is for something else)
-- include: keys events files batches
local id, tenant = given.id, given.tenant
local file = fields(files.record(given.input), 'tenant', 'bytes', 'purpose', 'batches')
if file.tenant ~= tenant then return confirm_as_master({'NO_FILE'}) end
if file.purpose ~= 'batch' then return confirm_as_master({'PURPOSE', 'purpose', file.purpose}) end

local index, lives = batches.index(tenant), tonumber(given.seconds) + tonumber(given.ttl)
for _, old in ipairs(redis.call('ZRANGE', index, 0, batches.LOOKS - 1)) do
  if redis.call('EXISTS', batches.record(old)) == 0 then redis.call('ZREM', index, old) end
end
redis.call('HSET', batches.record(id), 'tenant', tenant, 'status', 'validating', 'input', given.input, 'endpoint', given.endpoint,
  'window', given.window, 'metadata', given.metadata, 'caller', given.caller, 'output', given.output, 'errors', given.errors,
  'created_at', math.floor(NOW), 'expires_at', math.floor(NOW) + tonumber(given.seconds), 'owner', '', 'total', 0, 'completed', 0,
  'failed', 0, 'output_bytes', 0, 'errors_bytes', 0, 'input_tokens', 0, 'output_tokens', 0)
redis.call('EXPIRE', batches.record(id), lives)
redis.call('ZADD', index, NOW, id)
redis.call('ZADD', batches.OPEN, NOW, id)
files.lives(index, lives + 1)
files.lives(batches.OPEN, lives + 1)
local readers = batches.open_of(file.batches)
readers[#readers + 1] = id
redis.call('HSET', files.record(given.input), 'batches', table.concat(readers, ' '))
files.keep(tenant, given.input, file.bytes, lives)
return {'OK'}
