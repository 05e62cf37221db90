-- Takes a placed job over and begins an attempt.
--
-- ARGV  1 prefix, 2 id, 3 host, 4 lease seconds, 5 worker, 6 JSON members of `started` ("host":..., "worker":...),
--       7 a name for this very claim
-- Returns  {'CLAIMED', fence, attempt, tries, max attempts, seconds since the submit, seconds run before, kind, model,
--           tenant, conversation, request} | {'GONE'} | {'DONE'} (it has ended) | {'EXPIRED'}
--          | {'LEASED_ELSEWHERE'} (another worker has it, or it waits again: this doorbell is stale)
--          | {'NEWER', wire version} (of a newer producer: left as it is; its placement lapses, until a newer worker gets it)
-- Invariant: of all doorbells for one placement, exactly one claims; its claim may be sent again when the answer got lost.
-- include: keys events queue assignment ending
local id, host = ARGV[2], ARGV[3]
local job = redis.call('HMGET', record(id), 'state', 'lease', 'host', 'start_by', 'attempt', 'max_attempts',
  'submitted_at', 'running', 'kind', 'model', 'tenant', 'conversation', 'request', 'claim', 'fence', 'tries', 'v')
if not job[1] then return {'GONE'} end
if TERMINAL[job[1]] then return {'DONE'} end
if tonumber(job[17] or 1) > WIRE then return {'NEWER', job[17]} end
local function claimed(fence, attempt, tries)
  return {'CLAIMED', fence, attempt, tries, tonumber(job[6]), tostring(math.max(NOW - tonumber(job[7]), 0)), job[8], job[9], job[10],
    job[11], job[12], job[13]}
end
if job[2] == 'claimed' and job[14] == ARGV[7] then
  return claimed(tonumber(job[15]), tonumber(job[5]), tonumber(job[16]))
end
if job[2] ~= 'placed' or job[3] ~= host then return {'LEASED_ELSEWHERE'} end
if job[4] ~= '' and tonumber(job[5]) == 0 and tonumber(job[4]) < NOW then
  expire_job(id)
  free_slot(host, id)
  assign(host)
  return {'EXPIRED'}
end

local attempt = redis.call('HINCRBY', record(id), 'attempt', 1)
local tries = redis.call('HINCRBY', record(id), 'tries', 1)
local fence = redis.call('HINCRBY', record(id), 'fence', 1)
redis.call('HSETNX', record(id), 'started_at', STAMP)
redis.call('HSET', record(id), 'state', 'running', 'lease', 'claimed', 'claimed_at', NOW, 'worker', ARGV[5], 'flush', 0,
  'claim', ARGV[7])
redis.call('ZADD', LEASES, NOW + tonumber(ARGV[4]), id .. ' ' .. host)
redis.call('ZREM', STARTS, id)
append_event(id, 'started', attempt, ARGV[6])
return claimed(fence, attempt, tries)
