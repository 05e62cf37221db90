-- Fragment: the lease of a job between its assignment and its claim; `claim` writes the next one.
-- include: keys events
local UNCLAIMED_SECONDS = 5     -- a job that was assigned and not claimed goes back to its queue after this long

-- Writes the lease of an assigned job.
local function begin_lease(host, id)
  redis.call('ZADD', LEASES, NOW + UNCLAIMED_SECONDS, id .. ' ' .. host)
  redis.call('HSET', record(id), 'host', host, 'lease', 'assigned', 'assigned_at', NOW)
end
