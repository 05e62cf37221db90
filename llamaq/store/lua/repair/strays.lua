-- Fragment: finds jobs that are in no index that leads to their end, because a key was damaged or deleted by hand, and what
-- was left behind by a record that was deleted by hand. Each round of the reaper looks at a page of all jobs.
-- include: assignment ending requeue fences
local strays = {}

-- The record is gone: what it was counted in is corrected. Its place in a queue is given up when its turn comes.
function strays.forget(id)
  if redis.call('ZSCORE', EXPIRING, id) then return end  -- it has ended, so it counts nowhere
  release_images(id, redis.call('HGET', counted.IMAGES, id) or '', 1)
  uncount(id)
  for _, index in ipairs({JOBS, DELAYED, STARTS, refusals.ENDS}) do redis.call('ZREM', index, id) end
end

-- Whether a job without a slot waits where something will take it up.
function strays.wait(id, job)
  if redis.call('ZSCORE', queue_key(job.model, job.lane), id) or redis.call('ZSCORE', DELAYED, id) then return true end
  if job.conversation == '' then return false end
  local turns = turns_key(job.tenant, job.conversation)
  if not redis.call('ZSCORE', turns, id) then add_turn(turns, id) end
  return first_turn(turns) ~= id
end

-- Puts the job back where it has to be. `lease_seconds` is the lease of a slot that has none.
function strays.restore(id, lease_seconds)
  local job = fields(record(id), 'state', 'lease', 'host', 'model', 'lane', 'tenant', 'conversation', 'start_by', 'attempt')
  if not job.state then return strays.forget(id) end
  if TERMINAL[job.state] and (job.lease or '') == '' then return end  -- a job that was never queued has no lease
  if job.lease ~= '' then
    redis.call('ZADD', LEASES, 'NX', NOW + lease_seconds, id .. ' ' .. job.host)
  elseif not TERMINAL[job.state] then
    if job.start_by ~= '' and job.attempt == '0' then redis.call('ZADD', STARTS, 'NX', job.start_by, id) end
    if job.state == 'running' then
      take_fence(job.host or '', id)
      redis.call('HSET', record(id), 'fence', '')
    end
    if not strays.wait(id, job) then
      schedule.place(id)
    end
  end
end

-- Looks at the next page of all jobs, each by `guarded`. After an index was set aside the pages follow each other: returns
-- whether one does. The hash `place` remembers the page.
function strays.restore_page(place, most, guarded, lease_seconds)
  local known = fields(place, 'strays_page', 'strays_soon')
  local page = tonumber(known.strays_page or 0)
  local ids = redis.call('ZRANGE', JOBS, page, page + most - 1)
  for _, id in ipairs(ids) do guarded(id, strays.restore, id, lease_seconds) end
  local last = #ids < most
  redis.call('HSET', place, 'strays_page', last and 0 or page + most)
  if last then redis.call('HDEL', place, 'strays_soon') end
  return known.strays_soon and not last
end

-- Assigns what is noted. Where that fails, as for a host with a damaged key that is not set aside yet, the rest is assigned
-- all the same. Returns the reason, or ''.
function strays.assign_noted(most)
  local failed = ''
  for _ = 1, most do
    local well, problem = pcall(assign_pending)
    if well then break end
    failed = type(problem) == 'table' and problem.err or problem
  end
  return failed
end
