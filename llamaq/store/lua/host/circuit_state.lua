-- Fragment: the circuit breaker of a host. `closed`, or absent: jobs are assigned. `open`: none is. `half_open`: one job at
-- a time is assigned, until one proves that the host works. Fields of the host's record beside `circuit`:
--   faults, fault_job   failures in a row that were the host's, and the job of the last one
--   trips               how often the circuit opened since the host last worked; the pause doubles with each
--   retry_at            when the circuit becomes half open; absent where a probe opened it, and another probe will do that
--   trial               the latest job that was assigned in a half-open circuit
--   last_error, last_error_at
local function circuit_of(host) return redis.call('HGET', host_key(host), 'circuit') or 'closed' end

-- `found` has the fields `circuit` and `retry_at` of the host's record.
local function is_open(found)
  return found.circuit == 'open' and damage.number(found.retry_at, NOW + 1) > NOW
end

-- What is known of a host for the assignment.
local function host_spec(host)
  return fields(host_key(host), 'circuit', 'retry_at', 'trial', 'slots', 'max_models', 'patience', 'lane_patience',
    'default_ctx', 'assigned_at', 'offered')
end

local function is_live(host, spec)
  local seen = redis.call('ZSCORE', HOSTS, host)
  return seen and tonumber(seen) > NOW - HOST_SECONDS and not is_open(spec or host_spec(host))
end

-- Decides how many jobs the host may get: 'all' that fit, 'one', or 'none'. An open circuit becomes half open here when its
-- pause is over, so it needs no timer.
local function decide_admission(host, found)
  if found.circuit ~= 'open' and found.circuit ~= 'half_open' then return 'all' end
  if is_open(found) then return 'none' end
  if found.circuit == 'open' then
    redis.call('HSET', host_key(host), 'circuit', 'half_open')
    redis.call('HDEL', host_key(host), 'retry_at')
  end
  return found.trial and redis.call('HEXISTS', slots_key(host), found.trial) == 1 and 'none' or 'one'
end

local function set_trial(host, id) redis.call('HSET', host_key(host), 'trial', id) end
