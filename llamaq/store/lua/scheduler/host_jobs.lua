-- Fragment: host jobs (pull, unload, load) work on a host's models, not with one. Their queue is ':<kind>' for any host, or
-- ':<kind>@<host>'. A host runs one of each kind at a time. The running ones are in a hash of their own (job id -> kind),
-- because they take no slot and load no model.
-- include: keys events queue fairness lease celery_message
local HOST_JOBS = {'pull', 'unload', 'load'}  -- the kinds whose requests are HostJobRequests; a test compares them

local function host_jobs_key(host) return host_key(host) .. ':host_jobs' end
local function is_host_job(model) return string.sub(model, 1, 1) == ':' end

-- The host that the queue belongs to; nil where it is for any host.
local function host_of(model) return string.match(model, '^:%w+@(.+)$') end

-- The queues of a kind that the host takes jobs from: its own, then that for any host.
local function host_job_queues(host, kind) return ':' .. kind .. '@' .. host, ':' .. kind end

local function next_host_job(host, kind)
  for _, lane in ipairs(LANES) do
    for _, model in ipairs({host_job_queues(host, kind)}) do
      local id = redis.call('ZRANGE', queue_key(model, lane), 0, 0)[1]
      if id then return id, model, lane end
    end
  end
end

-- Whether any host job waits for the host. This takes three commands; reading each queue would take twelve.
local function host_jobs_wait(host)
  local queues = {}
  for _, kind in ipairs(HOST_JOBS) do
    local own, any = host_job_queues(host, kind)
    queues[#queues + 1] = own
    queues[#queues + 1] = any
  end
  for _, lane in ipairs(LANES) do
    for _, waits in ipairs(redis.call('SMISMEMBER', WAITING .. lane, unpack(queues))) do
      if waits == 1 then return true end
    end
  end
end

-- A job of a newer producer, which these workers cannot read, is set aside for a while, so that it takes no slot.
local newer = {SECONDS = 60, MOST = 20}  -- at most so many in one call

function newer.set_aside(id, version)
  if tonumber(version or 1) <= WIRE then return false end
  redis.call('ZADD', DELAYED, NOW + newer.SECONDS, id)
  return true
end

local function assign_host_jobs(host)
  if not host_jobs_wait(host) then return end
  local busy = {}
  for _, kind in ipairs(redis.call('HVALS', host_jobs_key(host))) do busy[kind] = true end
  for _, kind in ipairs(HOST_JOBS) do
    local id, model, lane = next_host_job(host, kind)
    while id and not busy[kind] do
      local job = fields(record(id), 'v', 'kind', 'score')
      dequeue(id, model, lane, fields(record(id), 'runner', 'tenant'), '')
      if job.kind and not newer.set_aside(id, job.v) then
        advance_virtual_time(model, lane, job.score)
        redis.call('HSET', host_jobs_key(host), id, kind)
        begin_lease(host, id)
        send_message(host, id, kind)
        busy[kind] = true
      else  -- the record was deleted by hand, or is of a newer producer
        id, model, lane = next_host_job(host, kind)
      end
    end
  end
end
