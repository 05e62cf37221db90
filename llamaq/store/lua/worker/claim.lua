-- Claims an assigned job: a worker takes it over and begins an attempt.
--
-- Arguments  id, host
--            lease_seconds  until the attempt has to renew its lease
--            worker
--            members        JSON members of `started` ("host":..., "worker":...)
--            fence          the attempt's fence: a random name that no other claim has
-- Answers    CLAIMED attempt, tries, max_attempts, waited_seconds (since the submit), ran_seconds (in earlier
--            attempts), kind, model, tenant, conversation, request,
--            refusal_counts (1 where a refusal would count as a try, see refusals.lua)
--            GONE (no record) | DONE (it has ended) | EXPIRED (`start_within` is over; it ends now)
--            LEASED_ELSEWHERE (another worker has it, or it was requeued: the message is stale)
--            NEWER version (the job's wire version; nothing changes, and the reaper requeues the job)
-- Invariant: of all messages for one assignment, exactly one claims. A claim may be sent again when its answer was lost.
-- include: keys events refusals
local id, host = given.id, given.host
local job = fields(record(id), 'v', 'state', 'lease', 'host', 'fence', 'start_by', 'attempt', 'tries',
  'max_attempts', 'submitted_at', 'running', 'refused_at', 'kind', 'model', 'tenant', 'conversation', 'request')

local function claimed(attempt, tries)
  return {'CLAIMED', 'attempt', attempt, 'tries', tries, 'max_attempts', job.max_attempts,
    'waited_seconds', tostring(math.max(NOW - tonumber(job.submitted_at), 0)), 'ran_seconds', job.running,
    'kind', job.kind, 'model', job.model, 'tenant', job.tenant, 'conversation', job.conversation, 'request', job.request,
    'refusal_counts', refusals.count(host, job.model, id, job.refused_at) and 1 or 0}
end

local function begin()
  local attempt = redis.call('HINCRBY', record(id), 'attempt', 1)
  local tries = redis.call('HINCRBY', record(id), 'tries', 1)
  redis.call('HSETNX', record(id), 'started_at', STAMP)
  redis.call('HSET', record(id), 'state', 'running', 'lease', 'claimed', 'claimed_at', NOW, 'worker', given.worker,
    'flush', 0, 'pieces', 0, 'piece_at', '', 'fence', given.fence)
  redis.call('ZADD', LEASES, NOW + tonumber(given.lease_seconds), id .. ' ' .. host)
  redis.call('ZREM', STARTS, id)
  redis.call('ZREM', refusals.ENDS, id)
  append_event(id, 'started', attempt, given.members)
  return claimed(attempt, tries)
end

-- Ends a job that is too late, and gives its slot to the next one.
local function expire()
  -- include: queue assignment ending
  expire_job(id)
  free_slot(host, id)
  assign(host)
  return {'EXPIRED'}
end

if not job.state then return {'GONE'} end
if TERMINAL[job.state] then return {'DONE'} end
if tonumber(job.v or 1) > WIRE then return {'NEWER', 'version', job.v} end
if job.lease == 'claimed' and job.fence == given.fence then return claimed(job.attempt, job.tries) end
if job.lease ~= 'assigned' or job.host ~= host then return {'LEASED_ELSEWHERE'} end
if job.attempt == '0' and job.start_by ~= '' and tonumber(job.start_by) < NOW then return expire() end
return begin()
