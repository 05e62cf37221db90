-- Ends an attempt for good: terminal event, state, result, a conversation's turn, and the freed slot's next job, together.
--
-- ARGV  1 prefix, 2 id, 3 fence, 4 'completed' | 'failed', 5 JSON members of the event, 6 field of the record to set
--       ('result' | 'error'), 7 its JSON, 8 conversation ttl seconds, 9... messages to append to the conversation, JSON each
-- Returns  {'OK'} | {'CANCELLED'} (it had ended meanwhile: the slot is given back, nothing else is written)
--          | {'FENCED'} (the slot is no longer this attempt's)
-- Invariant: sent twice, it acts once.
-- include: keys events queue assignment ending estimate conversations requeue circuit_outcomes
local id, state = ARGV[2], ARGV[4]
local job = redis.call('HMGET', record(id), 'fence', 'state', 'host', 'lease', 'placed_at', 'model', 'tenant', 'conversation')
if job[1] ~= ARGV[3] or job[2] == 'retrying' then return {'FENCED'} end
local ended, took = TERMINAL[job[2]], NOW - tonumber(job[5])
local since = state == 'completed' and job[4] == 'claimed' and end_load(job[3], job[6])
if not ended then
  if job[8] ~= '' and #ARGV >= 9 then
    append_messages(job[7], job[8], ARGV[8], {unpack(ARGV, 9)})
  end
  if state == 'completed' then
    local waited = since and since > NOW - took
    record_service_time(job[6], took, waited)
    -- The load is not its tenant's to pay: such a job counts as one of the usual length.
    if waited then redis.call('HSET', record(id), 'placed_at', NOW - service_seconds(job[6])) end
  end
  if state == 'completed' then record_success(job[3]) end
  end_job(id, state, ARGV[5], ARGV[6], ARGV[7])
end
if job[4] == 'claimed' then
  free_slot(job[3], id)
  assign(job[3])
end
assign_pending()
return {(not ended or job[2] == state) and 'OK' or 'CANCELLED'}
