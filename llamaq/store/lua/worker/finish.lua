-- Ends an attempt and its job. The terminal event, the state, the result, the conversation's turn and the next job for the
-- freed slot are written in one step.
--
-- Arguments  id, fence
--            state             'completed' | 'failed'
--            members           JSON members of the event
--            field             of the record to set: 'result' | 'error'
--            value             its JSON
--            conversation_ttl  seconds
--            messages          to append to the conversation, JSON, one a line
--            events            that the attempt has written, and that the log must have
--            pieces            of the answer, in these events; '' of an older worker
--            ran_seconds       how long the attempt took, by its worker's clock; '' of an older worker
--            blame, reason, wait_seconds   of a failure, as in release.lua
--            next_fence        '', or the fence for an attempt at the host's next job: where no other worker serves the host,
--                              that job is claimed too, and has no message
--            worker, members_of_next, lease_seconds   of that attempt, as in claim.lua
-- Answers    with next_fence, OK and CANCELLED have next: a list of the job that was claimed (id, and what CLAIMED has in
--            claim.lua), or an empty one
--            OK | CANCELLED (it had ended meanwhile: the slot is freed, nothing else is written)
--            FENCED (the attempt no longer has the slot; or Redis has lost events that it had confirmed, so that the log
--            is not the text of the result: nothing changes, and the reaper requeues the job)
-- Invariant: sent twice, it has one effect.
-- include: keys events queue assignment ending estimate conversations requeue circuit_changes claims progress
local id, state, completed = given.id, given.state, given.state == 'completed'
local job = ending.fields(id, 'fence', 'state', 'host', 'claimed_at', 'flush', 'cursor')
if job.fence ~= given.fence or job.state == 'retrying' then return confirm_as_master({'FENCED'}) end
local ended, holds_slot = TERMINAL[job.state], job.lease == 'claimed'
if not ended and flushed.number(job.flush, job.cursor, flushed.last(log(id))) < tonumber(given.events) then
  return confirm_as_master({'FENCED'})
end
local by = {fence = given.next_fence, worker = given.worker, lease_seconds = given.lease_seconds,
  members = given.members_of_next}
local takes_next = by.fence ~= '' and holds_slot and redis.call('ZCARD', workers_key(job.host)) == 1

-- Measures the service time. A load is not charged to the tenant: a job that waited for one counts as a job of mean length.
local function account(loaded_at)
  local took = NOW - tonumber(job.assigned_at)
  local waited = loaded_at and loaded_at > NOW - took
  estimates.record(job.model, took, waited)
  if waited then job.assigned_at = NOW - estimates.service_seconds(job.model) end
end

-- Redis' clock may have been set meanwhile: the mean service time and the tenant's charge would be off by hours.
if not ended and given.ran_seconds ~= '' then
  job.assigned_at = NOW - tonumber(given.ran_seconds)
end
local loaded_at = completed and holds_slot and loads.finish(job.host, job.model)
if not ended then
  flushed.record_progress(id)
  -- Once: a job that has ended appends no turn.
  if job.conversation ~= '' and given.messages ~= '' then
    append_messages(job.tenant, job.conversation, given.conversation_ttl, lines(given.messages))
  end
  if completed then
    account(loaded_at)
    record_success(job.host, job.model, job.claimed_at)
  end
  if (tonumber(given.pieces) or 0) > 0 then redis.call('HSET', record(id), 'pieces', given.pieces) end
  end_known_job(id, job, state, given.members, given.field, given.value)
  if (given.blame or '') ~= '' then
    record_blame(job.host, job.model, id, given.blame, given.reason, tonumber(given.wait_seconds) or 0)
  end
end
if holds_slot then
  if takes_next then direct.host = job.host end
  free_slot(job.host, id)
  assign(job.host)
end
assign_pending()

-- Claims the job that was assigned above. Where a damaged key prevents that, the job gets a message: the end is written all
-- the same, and the claim by the message fails alone.
local function claim_next()
  local ok, answer_of_claim = pcall(claims.begin, direct.id, job.host, claims.fields(direct.id), by)
  if not ok then
    send_message(job.host, direct.id, direct.kind)
    return {}
  end
  if redis.call('EXISTS', record(id)) == 1 then redis.call('HSET', record(id), 'next', direct.id) end
  return {{'id', direct.id, unpack(answer_of_claim)}}
end

-- What the first answer said, where this call is sent again.
local function repeat_claim()
  local next_id = redis.call('HGET', record(id), 'next')
  local claimed = next_id and claims.fields(next_id)
  if not claimed or claimed.fence ~= by.fence or claimed.lease ~= 'claimed' then return {} end
  return {{'id', next_id, unpack(claims.answer(next_id, job.host, claimed))}}
end

local answer = {(not ended or job.state == state) and 'OK' or 'CANCELLED'}
if by.fence ~= '' then
  answer[2], answer[3] = 'next', direct.id and claim_next() or repeat_claim()
end
return ended and confirm_as_master(answer) or answer
