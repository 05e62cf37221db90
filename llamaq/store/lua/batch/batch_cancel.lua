-- Cancels a batch: its holder ends what runs of it.
--
-- Arguments  id, tenant
-- Answers    OK | MISSING (the tenant has no such batch) | ENDED status
-- include: keys events batches
local key = batches.record(given.id)
local batch = fields(key, 'tenant', 'status')
if batch.tenant ~= given.tenant then return confirm_as_master({'MISSING'}) end
if not batches.is_open(given.id) then return confirm_as_master({'ENDED', 'status', batch.status}) end
if batch.status ~= 'cancelling' then redis.call('HSET', key, 'status', 'cancelling', 'cancelling_at', math.floor(NOW)) end
return {'OK'}
