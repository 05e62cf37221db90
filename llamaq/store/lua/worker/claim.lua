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
-- include: keys events claims
local id, host = given.id, given.host
local job = claims.fields(id)

-- Ends a job that is too late, and gives its slot to the next one.
local function expire()
  -- include: queue assignment ending
  expire_job(id)
  free_slot(host, id)
  assign(host)
  return {'EXPIRED'}
end

if not job.state then return confirm_as_master({'GONE'}) end
if TERMINAL[job.state] then return confirm_as_master({'DONE'}) end
if tonumber(job.v or 1) > WIRE then return confirm_as_master({'NEWER', 'version', job.v}) end
local has_it = job.lease == 'claimed' and job.fence == given.fence
if not has_it and (job.lease ~= 'assigned' or job.host ~= host) then return confirm_as_master({'LEASED_ELSEWHERE'}) end
if not has_it and job.attempt == '0' and job.start_by ~= '' and tonumber(job.start_by) < NOW then return expire() end
if has_it then return confirm_as_master({'CLAIMED', unpack(claims.answer(id, host, job))}) end
local by = {fence = given.fence, worker = given.worker, lease_seconds = given.lease_seconds, members = given.members}
return {'CLAIMED', unpack(claims.begin(id, host, job, by))}
