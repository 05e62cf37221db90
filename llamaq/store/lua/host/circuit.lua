-- Fragment: the circuit of a host. 'closed', or absent: it is well. 'open': nothing is placed there. 'half_open': one job
-- at a time, until one has shown that the host is back. Fields of the host's record beside `circuit`:
--   faults, fault_job   failures in a row that speak against the host, and the job of the last
--   trips               how often it opened since the host was last well: the rest doubles with each
--   retry_at            when a circuit that jobs opened lets one job try; one that a probe opened has none: a probe ends it
--   trial               the job that tries
--   last_error, last_error_at
local function circuit_of(host) return redis.call('HGET', host_key(host), 'circuit') or 'closed' end

local function shut(host)
  local found = redis.call('HMGET', host_key(host), 'circuit', 'retry_at')
  return found[1] == 'open' and not (found[2] and tonumber(found[2]) <= NOW)
end

-- How many jobs placement may give the host: 'all' that fit, 'one', or 'none'. An open circuit whose rest is over becomes
-- half open here, so it needs no timer.
local function admission(host)
  local found = redis.call('HMGET', host_key(host), 'circuit', 'trial')
  if found[1] ~= 'open' and found[1] ~= 'half_open' then return 'all' end
  if shut(host) then return 'none' end
  if found[1] == 'open' then
    redis.call('HSET', host_key(host), 'circuit', 'half_open')
    redis.call('HDEL', host_key(host), 'retry_at')
  end
  return found[2] and redis.call('HEXISTS', slots_key(host), found[2]) == 1 and 'none' or 'one'
end

local function on_trial(host, id) redis.call('HSET', host_key(host), 'trial', id) end

local function trial_of(host) return redis.call('HGET', host_key(host), 'trial') or '' end
