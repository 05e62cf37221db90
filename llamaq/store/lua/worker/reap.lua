-- One round of the reaper, by the worker that leads: jobs that lost their worker are requeued or end, delayed retries that
-- are due are requeued, jobs past `start_within` expire, jobs that were refused for too long end, and jobs are assigned to
-- hosts with free slots.
--
-- Arguments  worker
--            leader_seconds   after which another worker may lead
--            most             jobs of each index to handle in this round
--            lease_seconds
--            lost             JSON members of `retrying` for a job that lost its worker
--            exhausted        JSON members of `failed` for a job that lost its worker too often
--            exhausted_error  the error in these, JSON
--            orphan_seconds   after which jobs end whose model no host has
--            orphan_error     their error, JSON
--            light            1: nothing more than to lead where there is no job to look after; 0: the whole round
-- Answers    LED lost, unclaimed (assigned, and claimed by no worker in time), due, expired,
--            refused (for longer than their deadline), orphaned (no host had their model for `orphan_seconds`),
--            newer (due, and of a newer producer, so that no worker can read them): numbers of jobs;
--            failed: why a job could not be assigned, or ''
--            more: 1 where `most` jobs of an index were handled, so that there may be others;
--            LED idle 1 (there was no job to look after)
--            FOLLOWED left (another worker leads, for so many seconds unless it says so again)
-- Invariant: an expired lease has one effect. The work of a round is bounded, however long the backlog.
-- include: keys events queue assignment ending requeue hosts unknown_model strays
local LEADER = P .. ':reaper'
local clock = {        -- with `longest_lease` (seconds, of any worker of the fleet) and `in_grace`, as `try_to_lead` finds them
  SILENT_SECONDS = 2,  -- without a round of any worker; Redis was down, or no worker was there
  MOST_GRACES = 3,     -- in a row; with more, no lease would ever expire where every round is late
  MOST_WEBHOOKS = 10000,
}
local most = tonumber(given.most)

-- Whether this worker leads: then 0, else how many seconds the leader has left. After a silence of all workers, they get
-- one lease time to renew before any lease counts as expired. The loss of the leader alone is no silence: another worker
-- then leads `leader_seconds` later, while the others go on renewing. Shorter leases than that need the time of grace
-- even so.
local function try_to_lead()
  local state = fields(LEADER, 'worker', 'until', 'last', 'slow', 'grace', 'longest_lease')
  local left, leader_seconds = tonumber(state['until'] or 0) - NOW, tonumber(given.leader_seconds)
  local own, lease = state.worker == given.worker, tonumber(given.lease_seconds)
  if state.worker and not own and left > 0 and left <= leader_seconds then return left end
  local last, till = tonumber(state.last or 0), tonumber(state.grace or 0)
  clock.longest_lease = math.max(tonumber(state.longest_lease or 0), lease)
  local most_silent = math.max(clock.SILENT_SECONDS, math.min(clock.SILENT_SECONDS + leader_seconds, lease * 2 / 3))
  local silent = NOW - last > (own and clock.SILENT_SECONDS or most_silent)
  -- The first round has no round before it, and counts no silence.
  local silences = silent and state.last and tonumber(state.slow or 0) + 1 or 0
  if silent and silences <= clock.MOST_GRACES then till = NOW + lease end
  redis.call('HSET', LEADER, 'worker', given.worker, 'until', NOW + leader_seconds, 'last', NOW, 'slow', silences,
    'longest_lease', clock.longest_lease, 'grace', till)
  if last > NOW + 1 then  -- Redis' clock was set back
    redis.call('HSET', LEADER, 'delays_page', 0)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, NOW, '+inf', 'LIMIT', 0, clock.MOST_WEBHOOKS)) do
      redis.call('ZINCRBY', WEBHOOKS, math.max(NOW - last, -1e9), id)  -- a webhook that comes too early does no harm
    end
  end
  clock.in_grace = till > NOW and till <= NOW + clock.longest_lease
  return 0
end

-- Whether no job waits, runs, or is to be retried. An index without members does not exist.
local function idle()
  return redis.call('EXISTS', LEASES, DELAYED, STARTS, refusals.ENDS, WAITING .. LANES[1], WAITING .. LANES[2],
    WAITING .. LANES[3]) == 0
end

local function due_in(index) return redis.call('ZRANGEBYSCORE', index, '-inf', NOW, 'LIMIT', 0, most) end

-- Redis' clock was set back: a time that is further ahead than it can be is set to the latest that it can be.
function clock.limit_times(index, latest)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', index, '(' .. latest, '+inf', 'LIMIT', 0, most)) do
    redis.call('ZADD', index, latest, member)
  end
end

-- Redis' clock was set back: no retry waits for longer than its own delay from now on. A page in each round.
function clock.limit_delays()
  local page = tonumber(redis.call('HGET', LEADER, 'delays_page'))
  if not page then return end
  local found, kept = redis.call('ZREVRANGE', DELAYED, page, page + most - 1, 'WITHSCORES'), 0
  for index = 1, #found, 2 do
    local delay = redis.pcall('HGET', record(found[index]), 'delay')
    local latest = NOW + (type(delay) == 'string' and tonumber(delay) or 0)
    if tonumber(found[index + 1]) > latest then redis.call('ZADD', DELAYED, latest, found[index]) else kept = kept + 1 end
  end
  if #found < 2 * most then
    redis.call('HDEL', LEADER, 'delays_page')
  else
    redis.call('HSET', LEADER, 'delays_page', page + kept)
  end
end

-- Handles one job. Where its record is damaged, the job ends, so that it holds up no other, in its conversation neither. A
-- job that has ended stays as it is.
local function guarded(id, handle, ...)
  local ok, problem = pcall(handle, ...)
  if ok or redis.call('TYPE', record(id)).ok ~= 'hash' then return end
  if TERMINAL[redis.call('HGET', record(id), 'state')] then return end
  local message = cjson.encode('the record is damaged: ' .. (type(problem) == 'table' and problem.err or problem))
  local error = '{"code":"internal","message":' .. message .. ',"retryable":false}'
  ok = pcall(end_job, id, 'failed', '"error":' .. error, 'error', error)
  if not ok then redis.call('HSET', record(id), 'state', 'failed', 'error', error) end
end

-- A running job whose lease expired is requeued, or ends when its tries are used up. Late writes of its worker are refused.
local function end_lost_attempt(id, tries, max_attempts)
  redis.call('HSET', record(id), 'fence', '')
  if tonumber(tries) >= tonumber(max_attempts) then
    end_job(id, 'failed', given.exhausted, 'error', given.exhausted_error)
  else
    requeue_running(id, given.lost, 0, 0)  -- nobody has measured how long it ran
  end
end

-- No worker has claimed the job. Where its record is the reason, it ends: it would be assigned again for ever. It is kept from
-- no host any longer: the one that it may go to may take no job.
local function put_back(id)
  for name, value in pairs(fields(record(id), 'v', 'attempt', 'tries', 'max_attempts', 'submitted_at', 'start_by')) do
    if value and value ~= '' and not tonumber(value) then error(name .. ' is no number') end
  end
  redis.call('HDEL', record(id), 'failed_on')
  enqueue(id)
end

local function reap_leases()
  local lost, unclaimed = 0, 0
  for _, entry in ipairs(due_in(LEASES)) do
    local id, host = string.match(entry, '^(%S+) (.+)$')
    local job = id and fields(record(id), 'state', 'lease', 'tries', 'max_attempts')
    if not job then
      redis.call('ZREM', LEASES, entry)  -- something else has written it
    elseif job.lease == 'assigned' then
      free_slot(host, id)
      guarded(id, put_back, id)
      unclaimed = unclaimed + 1
    elseif not clock.in_grace then
      take_fence(host, id)
      free_slot(host, id)
      if job.state and not TERMINAL[job.state] then
        guarded(id, end_lost_attempt, id, job.tries, job.max_attempts)
        lost = lost + 1
      end
    end
  end
  return lost, unclaimed
end

-- Returns how many were requeued, and how many of these are of a newer producer (see `newer.set_aside`).
local function requeue_delayed()
  local due, newer = due_in(DELAYED), 0
  for _, id in ipairs(due) do
    redis.call('ZREM', DELAYED, id)
    if redis.call('EXISTS', record(id)) == 1 then guarded(id, schedule.enqueue, id, schedule.job(id)) end
    if tonumber(redis.call('HGET', record(id), 'v') or 1) > WIRE then newer = newer + 1 end
  end
  return #due, newer
end

local function expire_late()
  local expired = 0
  for _, id in ipairs(due_in(STARTS)) do
    local job = fields(record(id), 'state', 'lease', 'host')
    redis.call('ZREM', STARTS, id)
    if job.state == 'queued' then
      guarded(id, expire_job, id)
      if job.lease == 'assigned' then free_slot(job.host, id) end
      expired = expired + 1
    end
  end
  return expired
end

-- Jobs that were refused for longer than their deadline end with the last refusal. A running one is not in the index. After a
-- silence of all workers, or where Redis' clock was set forward, those whose pause is over have a try before they end.
local function end_refused()
  if clock.in_grace then return 0 end
  local due = due_in(refusals.ENDS)
  for _, id in ipairs(due) do
    local job = fields(record(id), 'state', 'lease', 'host', 'refusal')
    redis.call('ZREM', refusals.ENDS, id)
    if job.state == 'retrying' and job.refusal then
      guarded(id, end_job, id, 'failed', '"error":' .. job.refusal, 'error', job.refusal)
      if job.lease == 'assigned' then free_slot(job.host, id) end
    end
  end
  return #due
end

-- Ends jobs of a queue whose model no host has; those that wait for the model stay. A page of the queue is read.
local function end_orphans_of(model, lane, page)
  local from = tonumber(redis.call('HGET', lane_key(model, lane), 'orphan_page') or 0)
  local ids, ended = redis.call('ZRANGE', queue_key(model, lane), from, from + page - 1), 0
  for _, id in ipairs(ids) do
    if redis.call('HGET', record(id), 'wait_for_model') == '1' then
      from = from + 1
    else
      guarded(id, end_job, id, 'failed', '"error":' .. given.orphan_error, 'error', given.orphan_error)
      dequeue(id, model, lane, fields(record(id), 'runner', 'tenant'), '')  -- also where its record is gone or damaged
      ended = ended + 1
    end
  end
  if redis.call('EXISTS', queue_key(model, lane)) == 1 then  -- else `dequeue` has removed what belongs to the queue
    redis.call('HSET', lane_key(model, lane), 'orphan_page', #ids < page and 0 or from)
  end
  return ended
end

-- Looks at a page of the models that jobs wait for, and notes in PENDING those that hosts have. The time since when no host
-- has had a model is kept beside its queue. It begins anew where a host has the model, and while no host is live.
local function end_orphans_in(lane)
  local place, ended = 'orphans:' .. lane, 0
  local page = redis.call('SSCAN', WAITING .. lane, redis.call('HGET', LEADER, place) or 0, 'COUNT', most)
  redis.call('HSET', LEADER, place, page[1])
  for _, model in ipairs(page[2]) do
    local key = lane_key(model, lane)
    if unknown_model(model) then
      redis.call('HSETNX', key, 'orphan_since', NOW)
      local since = math.min(tonumber(redis.call('HGET', key, 'orphan_since')), NOW)
      local left = most - ended
      if left > 0 and NOW - since >= tonumber(given.orphan_seconds) then
        ended = ended + end_orphans_of(model, lane, left)
      end
    else
      redis.call('HDEL', key, 'orphan_since', 'orphan_page')
      note(PENDING.models, model)
    end
  end
  return ended
end

local function end_orphans()
  local ended = 0
  for _, lane in ipairs(LANES) do ended = ended + end_orphans_in(lane) end
  return ended
end

-- Notes the hosts whose circuits let a trial through, and removes the offers of hosts that fell silent.
local function note_hosts()
  for _, host in ipairs(due_in(offers.DUE)) do
    redis.call('ZREM', offers.DUE, host)
    note(PENDING.hosts, host)
  end
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, '-inf', NOW - HOST_SECONDS, 'LIMIT', 0, most)) do
    if tonumber(redis.call('ZSCORE', HOSTS, host)) <= NOW - 4 * HOST_SECONDS then
      forget_host(host)
    elseif redis.call('HGET', host_key(host), 'offered') ~= '' then
      offers.withdraw(host)
    end
  end
end

-- Records expire by themselves. Their ids are removed from the index of jobs here.
local function forget_expired()
  local expired = due_in(EXPIRING)
  for _, id in ipairs(expired) do
    redis.call('ZREM', EXPIRING, id)
    if redis.call('EXISTS', record(id)) == 0 then redis.call('ZREM', JOBS, id) end  -- not where the id was used again
  end
  return #expired
end

local left = try_to_lead()
if left > 0 then return {'FOLLOWED', 'left', tostring(left)} end
if given.light == '1' and idle() then return {'LED', 'idle', 1} end
clock.limit_times(LEASES, NOW + clock.longest_lease)
clock.limit_delays()
clock.limit_times(HOSTS, NOW)
clock.limit_times(offers.DUE, NOW + refusals.LONGEST_WAIT_SECONDS)
local lost, unclaimed = reap_leases()
local refused, expired = end_refused(), expire_late()
local due, newer = requeue_delayed()
local orphaned = end_orphans()
local soon = strays.restore_page(LEADER, most, guarded, clock.longest_lease)
note_hosts()
local full = soon or math.max(lost + unclaimed, due, expired, refused, orphaned, forget_expired()) >= most
return {'LED', 'lost', lost, 'unclaimed', unclaimed, 'due', due, 'expired', expired, 'refused', refused,
  'orphaned', orphaned, 'newer', newer, 'failed', strays.assign_noted(most), 'more', full and 1 or 0}
