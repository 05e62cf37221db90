-- Deletes a file.
--
-- Arguments  id, tenant
-- Answers    OK | MISSING (the tenant has no such file) | BUSY batch (its id; it reads the file, and has not ended)
-- include: keys events files batches
local file = fields(files.record(given.id), 'tenant', 'bytes', 'batches')
if file.tenant ~= given.tenant then return confirm_as_master({'MISSING'}) end
local reader = batches.open_of(file.batches)[1]
if reader then return confirm_as_master({'BUSY', 'batch', reader}) end
redis.call('DEL', files.record(given.id), files.pieces(given.id))
files.forget(given.tenant, given.id, file.bytes)
return {'OK'}
