-- Fragment: how the outcomes of jobs change the circuit of their host (see circuit_state.lua).
-- include: requeue
local FAULTS = 3                              -- failures in a row that open the circuit
local FIRST_PAUSE, LONGEST_PAUSE = 1, 10      -- seconds until it is half open; doubling, with a jitter of half of it

-- A job completed, or its answer has begun.
local function record_success(host)
  local found = fields(host_key(host), 'circuit', 'faults')
  if found.circuit == 'half_open' then
    redis.call('HSET', host_key(host), 'circuit', 'closed')
    redis.call('HDEL', host_key(host), 'faults', 'fault_job', 'trips', 'trial')
  elseif found.faults and found.circuit ~= 'open' then
    redis.call('HDEL', host_key(host), 'faults', 'fault_job')
  end
end

local function open_circuit(host, trips)
  local jitter = 0.5 + tonumber(TIME[2]) % 1000 / 2000
  local pause = math.min(FIRST_PAUSE * 2 ^ math.min(trips, 10), LONGEST_PAUSE) * jitter
  redis.call('HSET', host_key(host), 'circuit', 'open', 'trips', trips + 1, 'retry_at', NOW + pause)
  redis.call('HDEL', host_key(host), 'trial')
  requeue_unclaimed(host)
end

-- A job failed because of its host. `blame` is 'host' where no job could have caused the failure (refused, busy), and
-- 'doubt' where the job could (connection cut, runner died). In doubt a job counts once, so no job opens a circuit alone.
local function record_failure(host, id, blame, reason)
  if redis.call('EXISTS', host_key(host)) == 0 then return end
  local found = fields(host_key(host), 'circuit', 'faults', 'fault_job', 'trips')
  redis.call('HSET', host_key(host), 'last_error', reason, 'last_error_at', STAMP)
  if found.circuit == 'open' or (blame == 'doubt' and found.fault_job == id) then return end
  local faults = tonumber(found.faults or 0) + 1
  redis.call('HSET', host_key(host), 'faults', faults, 'fault_job', id)
  if found.circuit == 'half_open' or faults >= FAULTS then open_circuit(host, tonumber(found.trips or 0)) end
end

-- Seconds until the job is tried again: 0 where the circuit is open, because the job waits for the circuit.
local function retry_delay(host, blame, delay) return blame == 'host' and is_open(host) and 0 or delay end

-- A job that waits for its retry is assigned to another host at once, if one has a free slot for it. It is put into its
-- queue for that, since hosts take from there, and removed again if none took it: DELAYED still has it.
local function retry_elsewhere(id, host)
  if not redis.call('ZSCORE', DELAYED, id) then return end
  local job = fields(record(id), 'model', 'lane')
  local others = {}
  for _, other in ipairs(live_hosts_of(job.model)) do
    if other ~= host then others[#others + 1] = other end
  end
  if #others == 0 then return end
  enqueue(id)
  for _, other in ipairs(others) do fill_host(other) end
  if position(id, job.model, job.lane) then dequeue(id, job.model, job.lane) else redis.call('ZREM', DELAYED, id) end
end
