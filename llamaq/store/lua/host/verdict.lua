-- Fragment: what the jobs of a host say of it, and what follows for its circuit (see circuit.lua).
local FAULTS = 3                            -- in a row, before nothing more is placed
local FIRST_REST, LONGEST_REST = 1, 10      -- seconds until one job tries; doubling, spread over half of it

-- A job ran well, or an answer has begun.
local function well(host)
  local found = redis.call('HMGET', host_key(host), 'circuit', 'faults')
  if found[1] == 'half_open' then
    redis.call('HSET', host_key(host), 'circuit', 'closed')
    redis.call('HDEL', host_key(host), 'faults', 'fault_job', 'trips', 'trial')
  elseif found[2] and found[1] ~= 'open' then
    redis.call('HDEL', host_key(host), 'faults', 'fault_job')
  end
end

local function trip(host, trips)
  local spread = 0.5 + tonumber(TIME[2]) % 1000 / 2000
  local rest = math.min(FIRST_REST * 2 ^ math.min(trips, 10), LONGEST_REST) * spread
  redis.call('HSET', host_key(host), 'circuit', 'open', 'trips', trips + 1, 'retry_at', NOW + rest)
  redis.call('HDEL', host_key(host), 'trial')
  take_back(host)
end

-- A job was given back because of its host. `blame` is 'host' where no job could have caused the failure (refused, busy);
-- 'doubt' where one could (it was cut, its runner died): then a job counts once, so that no job opens a circuit alone.
local function accuse(host, id, blame, reason)
  if redis.call('EXISTS', host_key(host)) == 0 then return end
  local found = redis.call('HMGET', host_key(host), 'circuit', 'faults', 'fault_job', 'trips')
  redis.call('HSET', host_key(host), 'last_error', reason, 'last_error_at', STAMP)
  if found[1] == 'open' or (blame == 'doubt' and found[3] == id) then return end
  local faults = tonumber(found[2] or 0) + 1
  redis.call('HSET', host_key(host), 'faults', faults, 'fault_job', id)
  if found[1] == 'half_open' or faults >= FAULTS then trip(host, tonumber(found[4] or 0)) end
end

-- Seconds for which the job has to wait: none where the circuit is open, which is a wait already.
local function pause(host, blame, delay) return blame == 'host' and shut(host) and 0 or delay end

-- A job that waits after a fault of its host goes to another one at once, if that has a slot for it.
local function elsewhere(id, host)
  if not redis.call('ZSCORE', DELAYED, id) then return end
  local job = redis.call('HMGET', record(id), 'model', 'lane')
  local others = {}
  for _, other in ipairs(hosts_of(job[1])) do
    if other ~= host then others[#others + 1] = other end
  end
  if #others == 0 then return end
  enter(id)
  for _, other in ipairs(others) do place(other) end
  if position(id, job[1], job[2]) then leave(id, job[1], job[2]) else redis.call('ZREM', DELAYED, id) end
end
