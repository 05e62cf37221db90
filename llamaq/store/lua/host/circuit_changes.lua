-- Fragment: how the outcomes of jobs change the circuit of their host (see circuit_state.lua).
-- include: requeue refusals
local FAULTS = 3                              -- failures in a row that open the circuit
local FIRST_PAUSE, LONGEST_PAUSE = 1, 10      -- seconds until it is half open; doubling, with a jitter of half of it

local function circuit_pause(trips)
  return math.min(FIRST_PAUSE * 2 ^ math.min(trips, 10), LONGEST_PAUSE) * (0.5 + tonumber(TIME[2]) % 1000 / 2000)
end

local function record_answered(host, model, claimed_at)
  local entry = refusals.of(host, model)
  if not entry then return end
  entry.works_at = math.max(entry.works_at or 0, tonumber(claimed_at))
  if not refusals.is_open(entry) then
    entry.faults, entry.trips, entry.retry_at, entry.job, entry.trial = 0, 0, nil, nil, nil
  end
  refusals.save(host, model, entry)
end

-- A job that was claimed then has completed, or its answer has begun.
local function record_success(host, model, claimed_at)
  record_answered(host, model, claimed_at)
  local found = fields(host_key(host), 'circuit', 'faults')
  if found.circuit == 'half_open' then
    redis.call('HSET', host_key(host), 'circuit', 'closed')
    redis.call('HDEL', host_key(host), 'faults', 'fault_job', 'trips', 'trial')
  elseif found.faults and found.circuit ~= 'open' then
    redis.call('HDEL', host_key(host), 'faults', 'fault_job')
  end
end

local function open_circuit(host, trips)
  redis.call('HSET', host_key(host), 'circuit', 'open', 'trips', trips + 1, 'retry_at', NOW + circuit_pause(trips))
  requeue_unclaimed(host)
end

-- A job failed because of its host. `blame` is 'host' where no job could have caused the failure (no connection), and
-- 'doubt' where the job could (connection cut, runner died). In doubt a job counts once, so no job opens a circuit alone.
local function record_failure(host, id, blame, reason)
  if redis.call('EXISTS', host_key(host)) == 0 then return end
  local found = fields(host_key(host), 'circuit', 'faults', 'fault_job', 'trips')
  redis.call('HSET', host_key(host), 'last_error', reason, 'last_error_at', STAMP)
  if found.circuit == 'open' or (blame == 'doubt' and found.fault_job == id) then return end
  local faults = damage.number(found.faults, 0) + 1
  redis.call('HSET', host_key(host), 'faults', faults, 'fault_job', id)
  if found.circuit == 'half_open' or faults >= FAULTS then open_circuit(host, damage.number(found.trips, 0)) end
end

-- A job was refused (503, 429), or failed. No job opens the circuit of its model alone. `wait` is the seconds of its
-- Retry-After, or 0.
local function record_refusal(host, model, id, reason, wait)
  local entry = refusals.of(host, model) or {faults = 0, trips = 0}
  if entry.job ~= id then entry.faults = entry.faults + 1 end
  entry.job, entry.reason, entry.refused_at = id, reason, NOW
  local waits_till = NOW + math.min(wait, refusals.LONGEST_WAIT_SECONDS)
  local opens = entry.retry_at and not refusals.is_open(entry) or not entry.retry_at and entry.faults >= FAULTS
  if opens then
    entry.retry_at, entry.trips = math.max(NOW + circuit_pause(entry.trips), waits_till), entry.trips + 1
  elseif entry.retry_at then
    entry.retry_at = math.max(entry.retry_at, waits_till)
  end
  refusals.save(host, model, entry)
  if opens then requeue_unclaimed(host, model) end
end

-- A job failed by what its host did. `blame` 'host' and 'doubt': see record_failure; 'model': the host refused it; 'fault': the
-- host failed at this model.
local function record_blame(host, model, id, blame, reason, wait)
  if blame == 'host' or blame == 'doubt' then return record_failure(host, id, blame, reason) end
  if is_host_job(model) then return end  -- it waits for no model's circuit
  record_refusal(host, model, id, reason, wait)
end

-- Notes a refusal in the record of its job, which ends with `error` (JSON) when all its refusals together took `give_up`
-- seconds. Returns the hosts that have refused it since its last pause, for `retry_elsewhere`.
local function note_refusal(id, host, error, give_up)
  local known = fields(record(id), 'refused_at', 'refused_by')
  local since = math.min(tonumber(known.refused_at or NOW), NOW)  -- Redis' clock may have been set back
  local by = exclusions.add(known.refused_by, host)
  redis.call('HSET', record(id), 'refused_at', since, 'refused_by', by, 'refusal', error)
  redis.call('ZADD', refusals.ENDS, since + give_up, id)
  return by
end

-- Seconds until the job is tried again: 0 where the circuit is open, because the job waits for the circuit.
local function retry_delay(host, blame, delay) return blame == 'host' and is_open(host_spec(host)) and 0 or delay end

-- A job that waits for its retry is assigned to another host at once, if one has a free slot for it. It is put into its
-- queue for that, since hosts take from there, and removed again if none took it: DELAYED still has it.
-- `refused_by` has hosts that do not count, each between two newlines.
local function retry_elsewhere(id, host, refused_by)
  if not redis.call('ZSCORE', DELAYED, id) then return end
  local job = fields(record(id), 'model', 'lane', 'score', 'runner', 'tenant')
  local others = {}
  for _, other in ipairs(redis.call('ZRANGE', offers_key(job.model), 0, offers.LOOKED_AT - 1)) do
    if other ~= host and not exclusions.has(refused_by, other) then others[#others + 1] = other end
  end
  if #others == 0 then return end
  enqueue(id, job)
  for _, other in ipairs(others) do
    if not position(id, job.model, job.lane) then break end
    fill_host(other)
  end
  if position(id, job.model, job.lane) then dequeue(id, job.model, job.lane, job) else redis.call('ZREM', DELAYED, id) end
end
