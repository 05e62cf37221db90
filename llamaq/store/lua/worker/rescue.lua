-- One round of rescue, by the one worker that leads: whatever lost its owner goes back or ends.
--
-- ARGV  1 prefix, 2 worker, 3 seconds that leadership lasts, 4 most of each kind to handle in this round,
--       5 lease seconds, 6 JSON members of `retrying` for a lost worker, 7 JSON members of `failed` for a job whose worker was lost
--       too often, 8 the error of 7 alone
-- Returns  {'LED', number taken from lost workers, number put back unclaimed, number due, number expired}
--          | {'FOLLOWED'} (another leads)
-- Invariant: a lapsed lease is acted on once; work per round is bounded, whatever the backlog.
-- include: keys events queue assignment ending requeue hosts
local most = tonumber(ARGV[4])
local leader = P .. ':rescue'
-- After a silence of all workers (Redis was down, or there was none) the living get one lease time to renew before
-- anything is taken. Those who follow are heard too: else the death of the leader alone would look like one.
local state = redis.call('HMGET', leader, 'last', 'slow')
local slow = NOW - tonumber(state[1] or 0) > 2 and tonumber(state[2] or 0) + 1 or 0
redis.call('HSET', leader, 'last', NOW, 'slow', slow)
-- Not for ever: where every round comes late, nothing would be taken. One that comes in time allows it again.
if slow > 0 and slow <= 3 then redis.call('HSET', leader, 'grace', NOW + tonumber(ARGV[5])) end
local holder = redis.call('HGET', leader, 'worker')
if holder and holder ~= ARGV[2] and tonumber(redis.call('HGET', leader, 'until')) > NOW then return {'FOLLOWED'} end

redis.call('HSET', leader, 'worker', ARGV[2], 'until', NOW + tonumber(ARGV[3]))
local grace = tonumber(redis.call('HGET', leader, 'grace') or 0) > NOW

local lost, unclaimed, due, expired = 0, 0, 0, 0
for _, lease in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', NOW, 'LIMIT', 0, most)) do
  local id, host = string.match(lease, '^(%S+) (.+)$')
  local job = redis.call('HMGET', record(id), 'state', 'lease', 'tries', 'max_attempts')
  if job[2] == 'placed' then
    free_slot(host, id)
    enqueue(id)
    unclaimed = unclaimed + 1
  elseif not grace then
    free_slot(host, id)
    if job[1] and not TERMINAL[job[1]] then
      lost = lost + 1
      redis.call('HINCRBY', record(id), 'fence', 1)
      if tonumber(job[3]) >= tonumber(job[4]) then
        end_job(id, 'failed', ARGV[7], 'error', ARGV[8])
      else
        requeue_running(id, ARGV[6], 0)
      end
    end
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', DELAYED, '-inf', NOW, 'LIMIT', 0, most)) do
  redis.call('ZREM', DELAYED, id)
  if redis.call('EXISTS', record(id)) == 1 then enqueue(id) end
  due = due + 1
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', STARTS, '-inf', NOW, 'LIMIT', 0, most)) do
  local job = redis.call('HMGET', record(id), 'state', 'lease', 'host')
  redis.call('ZREM', STARTS, id)
  if job[1] == 'queued' then
    expire_job(id)
    if job[2] == 'placed' then free_slot(job[3], id) end
    expired = expired + 1
  end
end

for _, host in ipairs(redis.call('ZRANGE', HOSTS, 0, -1)) do assign(host) end
for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, '-inf', NOW - 4 * HOST_SECONDS, 'LIMIT', 0, most)) do forget_host(host) end

-- Records end by expiry; the list of jobs is swept behind them, a page a round.
local from = tonumber(redis.call('HGET', leader, 'sweep') or 0)
local page = redis.call('ZRANGE', JOBS, from, from + most - 1)
for _, id in ipairs(page) do
  if redis.call('EXISTS', record(id)) == 0 then redis.call('ZREM', JOBS, id) else from = from + 1 end
end
redis.call('HSET', leader, 'sweep', #page < most and 0 or from)
return {'LED', lost, unclaimed, due, expired}
