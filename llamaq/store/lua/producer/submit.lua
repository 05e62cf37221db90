-- Accepts a job: writes its record and its `queued` event, lets it wait, and places it if a slot is free.
--
-- ARGV  1 prefix, 2 id, 3 kind, 4 model, 5 lane, 6 tenant, 7 request JSON, 8 start_within seconds or '',
--       9 conversation or '', 10 idempotency key's key or '', 11 image sha256s joined by blanks, 12 max attempts,
--       13 result ttl seconds, 14 most jobs waiting per model, 15 '1' to wait for a model nobody has,
--       16 metadata JSON, 17 what it does to a turn before it (`when_busy`), 18 its new messages for the conversation, JSON,
--       one a line, 19 conversation ttl seconds, 20 runner: the options that reload the model, as text, 21 the tenant's
--       weight, 22 most jobs waiting per tenant, 0 for no limit, 23 capabilities that the model must have,
--       joined by blanks, 24 the model to show, where 4 is the room of a chore, else '',
--       25 the webhook to tell of its end, as `llamaq.vocabulary.notify.owed` has it, else '', 26 its W3C traceparent or ''
-- Returns  {'OK'} | {'SAME', id of the job that the idempotency key stands for} | {'EXISTS'} (this id is known)
--          {'FULL', retry_after, 'model' | 'tenant'} | {'UNKNOWN_MODEL'} | {'BLOB_MISSING', sha256}
--          {'UNSUPPORTED', the capability that the model lacks everywhere, those it has}
--          {'BUSY', id of the turn that runs or waits} (only with `reject`)
-- Invariant: every answer but OK changes nothing (beside turns whose records are gone: see turns.lua).
-- include: keys events queue assignment ending estimate cancelling conversations when_busy support
local id, kind, model, lane, tenant, request = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local start_within, conversation, idem, blobs = ARGV[8], ARGV[9], ARGV[10], ARGV[11]

if redis.call('EXISTS', record(id)) == 1 then return {'EXISTS'} end
if idem ~= '' then
  local known = redis.call('GET', idem)
  if known and redis.call('EXISTS', record(known)) == 1 then return {'SAME', known} end
end
local before = conversation ~= '' and current_turn(tenant, conversation)
if before and ARGV[17] == 'reject' then return {'BUSY', before} end
-- The head of a conversation's turns runs, or waits in the room like any other job; those behind it wait in neither.
local behind = conversation ~= '' and math.max(redis.call('LLEN', turns_key(tenant, conversation)) - 1, 0) or 0
if depth(model) + behind >= tonumber(ARGV[14]) then return {'FULL', retry_after(model), 'model'} end
local most = tonumber(ARGV[22])
if most > 0 and tonumber(redis.call('HGET', QUEUED, tenant) or 0) + behind >= most then
  return {'FULL', retry_after(model), 'tenant'}
end
if ARGV[15] ~= '1' and unknown_model(model) then return {'UNKNOWN_MODEL'} end
local lacks, able = lacking_capability(model, ARGV[23])
if lacks then return {'UNSUPPORTED', lacks, able} end
for sha in string.gmatch(blobs, '[^ ]+') do
  if redis.call('EXISTS', P .. ':blob:' .. sha) == 0 then return {'BLOB_MISSING', sha} end
end

-- Not what any producer says: 0 or NaN would spoil the line's virtual time for all.
local weight, slots = math.max(0.001, math.min(1000, tonumber(ARGV[21]) or 1)), slot_forecast(model)
local score = fair_score(model, lane, tenant, weight, math.max(#slots.free, 1))
redis.call('HSET', record(id), 'v', WIRE, 'state', 'queued', 'kind', kind, 'model', model, 'lane', lane, 'tenant', tenant,
  'request', request, 'score', score, 'runner', turn_runner(ARGV[20], tenant, conversation), 'weight', weight, 'submitted_at', STAMP, 'attempt', 0, 'tries', 0, 'fence', 0, 'flush', 0,
  'lease', '', 'running', 0, 'max_attempts', ARGV[12], 'ttl', ARGV[13], 'conversation', conversation, 'idem', idem,
  'blobs', blobs, 'metadata', ARGV[16], 'says', ARGV[18], 'start_by', start_within ~= '' and NOW + tonumber(start_within) or '')
if ARGV[24] ~= '' then redis.call('HSET', record(id), 'target', ARGV[24]) end
if ARGV[25] ~= '' then redis.call('HSET', record(id), 'notify', ARGV[25]) end
if ARGV[26] ~= '' then redis.call('HSET', record(id), 'traceparent', ARGV[26]) end
redis.call('ZADD', JOBS, NOW, id)
if idem ~= '' then redis.call('SET', idem, id) end
if start_within ~= '' then redis.call('ZADD', STARTS, NOW + tonumber(start_within), id) end
for sha in string.gmatch(blobs, '[^ ]+') do
  redis.call('HINCRBY', BLOBS, sha, 1)
  redis.call('PERSIST', P .. ':blob:' .. sha)
end

local ahead = 0
end_previous_turn(before, ARGV[17], tenant, conversation, ARGV[19])
if before then enqueue_next_turn(id, tenant, conversation) end  -- the turn before it may have been deleted
if conversation ~= '' then ahead = redis.call('RPUSH', turns_key(tenant, conversation), id) - 1 end
if ahead == 0 then
  enqueue(id)
  ahead = position(id, model, lane)
end
append_event(id, 'queued', 0, '"position":' .. ahead .. ',"eta_seconds":' .. (eta(model, ahead, slots) or 'null'))

assign_model(model)
return {'OK'}
