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

-- Whether a job without a slot, which is not in its queue, waits where something will take it up.
function strays.wait(id)
  if redis.call('ZSCORE', DELAYED, id) then return true end
  local job = fields(record(id), 'tenant', 'conversation')
  if job.conversation == '' then return false end
  local turns = turns_key(job.tenant, job.conversation)
  if not redis.call('ZSCORE', turns, id) then add_turn(turns, id) end
  return first_turn(turns) ~= id
end

function strays.place(id)
  if not strays.wait(id) then schedule.place(id) end
end

-- The log of an ended job that something else has written over, or has deleted, begins anew with the job's end: its readers
-- would wait for that.
function strays.mend_log(id, state, attempt)
  if not damage.set_aside(log(id), 'stream') and redis.call('EXISTS', log(id)) == 1 then return end
  local ttl, field = redis.call('TTL', record(id)), ({completed = 'result', failed = 'error'})[state] or 'reason'
  local value = redis.call('HGET', record(id), field)
  if not value or ttl < 2 then return end  -- the log expires with the record
  if field == 'reason' then value = cjson.encode(value) end
  append_event(id, state, string.match(attempt or '', '^%d+$') or 0, '"' .. field .. '":' .. value)
  redis.call('EXPIRE', log(id), ttl)
end

-- Adds where the job has to be: its lease to `leases`, or itself to its queue in `queues`. One command for each then tells
-- which are missing.
function strays.look_at(id, leases, queues)
  local job = fields(record(id), 'state', 'lease', 'host', 'model', 'lane', 'start_by', 'attempt')
  if not job.state then return strays.forget(id) end
  if TERMINAL[job.state] then
    if job.state ~= 'deleted' then strays.mend_log(id, job.state, job.attempt) end
    if (job.lease or '') == '' then return end  -- a job that was never queued has no lease
  end
  if job.lease ~= '' then
    leases[#leases + 1], leases[#leases + 2] = leases.ends_at, id .. ' ' .. job.host
    return
  end
  if job.start_by ~= '' and job.attempt == '0' then redis.call('ZADD', STARTS, 'NX', job.start_by, id) end
  if job.state == 'running' then
    take_fence(job.host or '', id)
    redis.call('HSET', record(id), 'fence', '')
  end
  local queue = queue_key(job.model, job.lane)
  queues[queue] = queues[queue] or {model = job.model, lane = job.lane}
  table.insert(queues[queue], id)
end

-- Looks at the next page of all jobs, each by `guarded`. After an index was set aside, here or elsewhere, the pages follow each
-- other: returns whether one does. The hash `place` remembers the page. `lease_seconds` is the lease of a slot that has none.
function strays.restore_page(place, most, guarded, lease_seconds)
  local known = fields(place, 'strays_page', 'strays_soon')
  local page = tonumber(known.strays_page or 0)
  local ids = redis.call('ZRANGE', JOBS, page, page + most - 1)
  local leases, queues = {ends_at = string.format('%.6f', NOW + lease_seconds)}, {}
  for _, id in ipairs(ids) do guarded(id, strays.look_at, id, leases, queues) end
  if leases[1] then redis.call('ZADD', LEASES, 'NX', unpack(leases)) end
  for queue, waiting in pairs(queues) do
    for index, score in ipairs(redis.call('ZMSCORE', queue, unpack(waiting))) do
      if not score then guarded(waiting[index], strays.place, waiting[index]) end
    end
    if redis.call('EXISTS', queue) == 1 then redis.call('SADD', WAITING .. waiting.lane, waiting.model) end
  end
  local last, lost = #ids < most, damage.lost_index
  redis.call('HSET', place, 'strays_page', (last or lost) and 0 or page + most)
  if lost then redis.call('HSET', place, 'strays_soon', 1) elseif last then redis.call('HDEL', place, 'strays_soon') end
  return lost or known.strays_soon and not last
end

-- Assigns what is noted. Where that fails, as for a host with a damaged key that is not set aside yet, the rest is assigned
-- all the same. Returns the reason, or ''.
function strays.assign_noted(most)
  local failed = ''
  for _ = 1, most do
    local ok, problem = pcall(assign_pending)
    if ok then break end
    failed = type(problem) == 'table' and problem.err or problem
  end
  return failed
end
