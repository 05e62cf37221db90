-- Deletes a file.
--
-- Arguments  id, tenant
-- Answers    OK | MISSING (the tenant has no such file) | BUSY batch (its id; it reads the file, and has not ended)
-- include: keys events files batches
local file = fields(files.record(given.id), 'tenant', 'bytes', 'batch')
if file.tenant ~= given.tenant then return of_master({'MISSING'}) end
if file.batch and batches.is_open(file.batch) then return of_master({'BUSY', 'batch', file.batch}) end
redis.call('DEL', files.record(given.id), files.pieces(given.id))
files.forget(given.tenant, given.id, file.bytes)
return {'OK'}
