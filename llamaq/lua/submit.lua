-- Accepts a job: writes its record and its `queued` event, lets it wait, and places it if a slot is free.
--
-- ARGV  1 prefix, 2 id, 3 kind, 4 model, 5 lane, 6 tenant, 7 request JSON, 8 start_within seconds or '',
--       9 conversation or '', 10 idempotency key's key or '', 11 image sha256s joined by blanks, 12 max attempts,
--       13 result ttl seconds, 14 most jobs waiting per model, 15 '1' to wait for a model nobody has,
--       16 metadata JSON
-- Returns  {'OK', rings} | {'SAME', id of the job that the idempotency key stands for} | {'EXISTS'} (this id is known)
--          {'FULL', retry_after} | {'UNKNOWN_MODEL'} | {'BLOB_MISSING', sha256}
-- Invariant: every answer but OK changes nothing.
-- include: keys events waiting slots endings estimate
local id, kind, model, lane, tenant, request = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local start_within, conversation, idem, blobs = ARGV[8], ARGV[9], ARGV[10], ARGV[11]

if redis.call('EXISTS', record(id)) == 1 then return {'EXISTS'} end
if idem ~= '' then
  local known = redis.call('GET', idem)
  if known and redis.call('EXISTS', record(known)) == 1 then return {'SAME', known} end
end
local waiting = depth(model)
-- The head of a conversation's turns runs, or waits in the room like any other job; those behind it wait in neither.
if conversation ~= '' then waiting = waiting + math.max(redis.call('LLEN', turns(tenant, conversation)) - 1, 0) end
if waiting >= tonumber(ARGV[14]) then return {'FULL', retry_after(model)} end
if ARGV[15] ~= '1' and redis.call('SCARD', model_hosts(model)) == 0 then
  -- A host that is known and silent just now may come back: only where nobody has the model, waiting is in vain.
  if redis.call('ZCOUNT', HOSTS, NOW - HOST_SECONDS, '+inf') > 0 then return {'UNKNOWN_MODEL'} end
end
for sha in string.gmatch(blobs, '[^ ]+') do
  if redis.call('EXISTS', P .. ':blob:' .. sha) == 0 then return {'BLOB_MISSING', sha} end
end

local score = redis.call('INCR', P .. ':ticket')
redis.call('HSET', record(id), 'state', 'queued', 'kind', kind, 'model', model, 'lane', lane, 'tenant', tenant,
  'request', request, 'score', score, 'submitted_at', STAMP, 'attempt', 0, 'tries', 0, 'fence', 0, 'flush', 0,
  'lease', '', 'running', 0, 'max_attempts', ARGV[12], 'ttl', ARGV[13], 'conversation', conversation, 'idem', idem,
  'blobs', blobs, 'metadata', ARGV[16], 'start_by', start_within ~= '' and NOW + tonumber(start_within) or '')
redis.call('ZADD', JOBS, NOW, id)
if idem ~= '' then redis.call('SET', idem, id) end
if start_within ~= '' then redis.call('ZADD', STARTS, NOW + tonumber(start_within), id) end
for sha in string.gmatch(blobs, '[^ ]+') do
  redis.call('HINCRBY', BLOBS, sha, 1)
  redis.call('PERSIST', P .. ':blob:' .. sha)
end

local ahead = 0
if conversation ~= '' then ahead = redis.call('RPUSH', turns(tenant, conversation), id) - 1 end
if ahead == 0 then
  enter(id, model, lane, score)
  ahead = position(id, model, lane)
end
emit(id, 'queued', 0, '"position":' .. ahead .. ',"eta_seconds":' .. (eta(model, ahead) or 'null'))

local rings = {}
place_model(model, rings)
return {'OK', rings}
