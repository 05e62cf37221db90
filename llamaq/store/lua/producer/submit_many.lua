-- Fragment: several jobs in one call of submit.lua. Jobs that wait for the same model, lane and tenant, and differ in nothing
-- that a check or the queue depends on, are accepted together: what is read for one holds for all, and each index gets all of
-- them in one command. All is as if each had come alone.
-- include: queue fairness
many.SAME = {'model', 'lane', 'tenant', 'max_queued', 'max_queued_per_tenant', 'wait_for_model', 'capabilities', 'runner', 'weight'}
many.NONE = {'conversation', 'target', 'notify', 'images', 'start_after', 'start_at'}  -- a job with one of these comes alone
many.jobs, many.at, many.together = {}, 1, 1  -- `together` jobs are accepted from the one at `at`

-- Whether nothing is kept of the rest of the jobs, and no id or idempotency key is among them twice.
function many.are_new()
  local ids, keys, seen = {}, {}, {}
  for index = many.at, #many.jobs do
    local job = many.jobs[index]
    ids[#ids + 1], keys[#keys + 1] = job.id, record(job.id)
    if job.idempotency_key ~= '' then keys[#keys + 1] = job.idempotency_key end
  end
  for _, key in ipairs(keys) do
    if seen[key] then return false end
    seen[key] = true
  end
  if redis.call('EXISTS', unpack(keys)) > 0 then return false end
  local counts = redis.pcall('HMGET', counted.TENANTS, unpack(ids))
  for index = 1, #ids do
    if counts[index] ~= false then return false end
  end
  return true
end

-- Whether the job may be accepted with that of `given`.
function many.is_alike(job)
  for _, name in ipairs(many.SAME) do
    if job[name] ~= given[name] then return false end
  end
  for _, name in ipairs(many.NONE) do
    if job[name] ~= '' then return false end
  end
  return true
end

-- How many jobs behind that of `given` are accepted with it.
function many.following()
  local number, jobs = 0, many.jobs
  while number + 1 < many.room and jobs[many.at + number + 1] and many.is_alike(jobs[many.at + number + 1]) do
    number = number + 1
  end
  if number == 0 or not many.is_alike(given) then return 0 end
  if many.new == nil then many.new = many.are_new() end
  return many.new and number or 0
end

-- Adds members to a sorted set. `scores` and `ids` are lists.
function many.add(key, scores, ids)
  local flat = {}
  for index, member in ipairs(ids) do flat[2 * index - 1], flat[2 * index] = scores[index], member end
  redis.call('ZADD', key, unpack(flat))
end

-- As `enqueue` for each of these new jobs.
function many.enqueue(ids, scores, times)
  many.add(queue_key(model, lane), scores, ids)
  many.add(runner_queue_key(model, lane, given.runner), scores, ids)
  many.add(ages_key(model, lane), times, ids)
  redis.call('SADD', WAITING .. lane, model)
  local tenants = {}
  for index, each in ipairs(ids) do tenants[2 * index - 1], tenants[2 * index] = each, tenant end
  redis.call('HSET', counted.TENANTS, unpack(tenants))
  counted.add(QUEUED, #ids, {tenant})
  redis.call('HSETNX', lane_key(model, lane), 'since', times[1])
end

-- The positions of jobs that were queued one after another. Jobs of other tenants may be between them.
function many.positions(ids)
  local function of(index) return position(ids[index], model, lane, many.depths) end
  local first, last, found = of(1), of(#ids), {}
  for index = 1, #ids do found[index] = last - first == #ids - 1 and first + index - 1 or of(index) end
  return found
end

-- Accepts so many jobs from that of `given` on, which nothing refuses.
function many.accept(number, weight, slots)
  many.together = number
  local virtual = note_jobs(model, lane, number)
  local scores = reserve_scores(model, lane, tenant, weight, math.max(slots.count, 1), virtual, number)
  local ids, times = {}, {}
  for index = 1, number do
    given = many.jobs[many.at + index - 1]
    id = given.id
    local now = NOW + (index - 1) * 0.000001
    ids[index], times[index] = id, string.format('%.6f', now)
    write_job(scores[index], weight, given.runner, nil, now)
  end
  many.add(JOBS, times, ids)
  many.enqueue(ids, scores, times)
  for index, ahead in ipairs(many.positions(ids)) do
    id = ids[index]
    append_queued(ahead, slots)
    shrink_log(id)
  end
end

-- The answers for all jobs of the call. An error of the first is the call's. The errors of others are theirs alone, as in
-- calls of their own.
function many.accept_all(first, more)
  local answers, began = {}, NOW
  for nth = 0, more do many.jobs[nth + 1] = nth == 0 and first or given_of(nth) end
  while many.at <= #many.jobs do
    NOW, many.together = began + (many.at - 1) * 0.000001, 1  -- jobs of one time would be listed by their ids
    local ok, answer = true, nil
    if many.at == 1 then answer = accept(first) else ok, answer = pcall(accept, many.jobs[many.at]) end
    if not ok and type(answer) ~= 'table' then answer = {err = tostring(answer)} end
    for index = many.at, many.at + many.together - 1 do answers[index] = answer end
    many.at = many.at + many.together
  end
  return answers
end
