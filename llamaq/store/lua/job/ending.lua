-- Fragment: how a job that was queued ends. `end_known_job` is the only code that writes a terminal state over another state;
-- `create_ended` (create_ended.lua) makes the record of a job that was never queued.
-- include: assignment schedule webhook turn_queue

-- The images of a job that has ended, or whose record is gone, expire where no other job has them.
local function release_images(id, list, ttl)
  if list == '' then return end
  redis.call('HDEL', counted.IMAGES, id)
  local images = counted.names(list)
  local left = counted.add(counted.BLOBS, -1, images)
  for index, sha in ipairs(images) do
    kept_images.note(sha, id, ttl)
    if left[index] <= 0 then
      redis.call('HDEL', counted.BLOBS, sha)
      redis.call('EXPIRE', blob_key(sha), ttl)
    end
  end
end

-- How long the images of a turn are kept after it: as long as its conversation, whose later turns send them again.
function kept_images.seconds(list, tenant, name, ttl)
  local about = name ~= '' and about_key(tenant, name)
  if not about or list == '' or redis.call('EXISTS', about) == 0 then return ttl end
  redis.call('HSET', about, 'images', kept_images.join(redis.call('HGET', about, 'images') or '', list))
  local seconds = math.max(ttl, redis.call('TTL', about))
  for sha in string.gmatch(list, '[^ ]+') do kept_images.note(sha, '=' .. tenant .. ':' .. name, seconds) end
  return seconds
end

-- Deletes the images of a job that has ended where no other job or conversation shows them.
function kept_images.delete(id, list)
  for sha in string.gmatch(list, '[^ ]+') do
    redis.call('ZREM', shown_key(sha), id)
    redis.call('ZREMRANGEBYSCORE', shown_key(sha), '-inf', NOW)
    local needed = redis.call('EXISTS', shown_key(sha)) == 1 or redis.call('HEXISTS', counted.BLOBS, sha) == 1
    if not needed then redis.call('DEL', blob_key(sha)) end
  end
end

-- Removes the turn from its conversation, and queues the next turn if it waited only for this one.
local function enqueue_next_turn(id, tenant, name)
  local key = turns_key(tenant, name)
  redis.call('ZREM', key, id)
  local head = first_turn(key)
  if not head then return end
  local job = fields(record(head), 'model', 'lane', 'lease', 'state')
  local placed = job.state ~= 'queued' or job.lease ~= '' or position(head, job.model, job.lane)
    or redis.call('ZSCORE', DELAYED, head)
  if not placed then schedule.place(head) end
end

-- The record, the log and the idempotency key are kept for the result's lifetime.
local function expire_record(id, idempotency_key, ttl)
  redis.call('EXPIRE', record(id), ttl)
  redis.call('EXPIRE', log(id), ttl)
  if idempotency_key ~= '' then redis.call('EXPIRE', idempotency_key, ttl) end
  redis.call('ZADD', EXPIRING, NOW + ttl + 1, id)  -- a second later, when the record is surely gone
end

-- What the end of a job needs of its record, with a value for a record that lacks it. Those with a number are numbers.
-- `more` may be missing.
local ending = {names = {}, more = {'assigned_at', 'notify', 'runner', 'score'}, defaults = {attempt = 0, model = '', lane = 'normal', tenant = '', conversation = '', idem = '',
  ttl = 86400, weight = 1, running = 0, lease = ''}}
for name in pairs(ending.defaults) do ending.names[#ending.names + 1] = name end

-- The fields of a job that is to end; with those that the caller needs.
function ending.fields(id, ...)
  local names = {...}
  for _, list in ipairs({ending.names, ending.more}) do
    for index = 1, #list do names[#names + 1] = list[index] end
  end
  return fields(record(id), unpack(names))
end

function ending.is_sound(name, value)
  if not value or type(ending.defaults[name]) == 'string' then return value end
  if name == 'attempt' then return string.find(value, '^%d+$') end
  return damage.number(value, -1) >= 0 and (name ~= 'weight' or tonumber(value) > 0)
end

-- Writes the terminal event and the state (with more fields of the record: name, value ...), and removes the job from
-- the indexes of jobs that have not ended. The caller frees its slot, because a cancelled job keeps it until its
-- connection to Ollama is closed. The caller also assigns the models that are noted in PENDING. `job` has the
-- `ending.fields`.
local function end_known_job(id, job, state, members, ...)
  -- A script is no transaction: what is wrong with a record is found before the first write. The job ends all the same.
  for _, name in ipairs(ending.names) do
    if not ending.is_sound(name, job[name]) then
      damage.note(record(id), name, job[name] or '', type(ending.defaults[name]) == 'string' and 'text' or 'number')
      job[name] = ending.defaults[name]
    end
  end
  local ttl = math.max(1, math.min(1e9, math.floor(tonumber(job.ttl))))
  local slot_seconds = tonumber(job.running) + (job.lease ~= '' and NOW - (tonumber(job.assigned_at) or NOW) or 0)
  redis.call('HSET', record(id), 'state', state, 'finished_at', STAMP, ...)
  redis.call('HINCRBY', counted.ENDED, state, 1)
  append_event(id, state, job.attempt, members)
  owe_webhook(id, state, members, job.notify)
  expire_record(id, job.idem, ttl)
  if job.lease ~= 'claimed' then  -- a job that runs was removed from these when it was assigned and claimed
    dequeue(id, job.model, job.lane, job)
    redis.call('ZREM', STARTS, id)
    if redis.call('ZREM', DELAYED, id) == 1 then schedule.remove(id, job.model, job.lane) end
    redis.call('ZREM', refusals.ENDS, id)
  end
  charge_tenant(job.model, job.lane, job.tenant, tonumber(job.weight), slot_seconds, job.score ~= '')
  local images = redis.call('HGET', counted.IMAGES, id) or ''
  release_images(id, images, kept_images.seconds(images, job.tenant, job.conversation, ttl))
  if job.conversation ~= '' then enqueue_next_turn(id, job.tenant, job.conversation) end
end

local function end_job(id, ...) end_known_job(id, ending.fields(id), ...) end

function expire_job(id)  -- the local that assignment.lua declares
  end_job(id, 'expired', '"reason":"not started within start_within"', 'reason', 'not started within start_within')
end
