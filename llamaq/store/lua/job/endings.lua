-- Fragment: the one way into a terminal state, whoever asks for it.
-- include: slots notifying turns
local function forget_blobs(list, ttl)
  for sha in string.gmatch(list, '[^ ]+') do
    if redis.call('HINCRBY', BLOBS, sha, -1) <= 0 then
      redis.call('HDEL', BLOBS, sha)
      redis.call('EXPIRE', P .. ':blob:' .. sha, ttl)
    end
  end
end

-- Lets the conversation's next turn into the waiting room; the head of `turns` is the turn whose turn it is.
local function next_turn(id, tenant, name)
  local key = turns(tenant, name)
  redis.call('LREM', key, 1, id)
  local head = first_turn(key)
  if not head then return end
  local job = redis.call('HMGET', record(head), 'model', 'lane', 'score', 'attempt', 'lease', 'state')
  if job[6] ~= 'queued' or job[5] ~= '' or position(head, job[1], job[2]) then return end
  enter(head)
  place_model(job[1])
end

-- Writes the terminal event, the state and the expiry together, and takes the job out of every place where it waited. A
-- slot it holds is the caller's to drop: a cancelled job keeps its slot until its connection to Ollama is closed.
local function conclude(id, state, fields, ...)
  local job = redis.call('HMGET', record(id), 'attempt', 'model', 'lane', 'tenant', 'conversation', 'blobs', 'idem', 'ttl',
    'weight', 'running', 'lease', 'placed_at', 'notify')
  local ttl = tonumber(job[8])
  redis.call('HSET', record(id), 'state', state, 'finished_at', STAMP, ...)
  redis.call('HINCRBY', P .. ':ended', state, 1)
  emit(id, state, job[1], fields)
  owe(id, state, fields, job[13])
  redis.call('EXPIRE', record(id), ttl)
  redis.call('EXPIRE', log(id), ttl)
  if job[7] ~= '' then redis.call('EXPIRE', job[7], ttl) end
  leave(id, job[2], job[3])
  local used = tonumber(job[10]) + (job[11] ~= '' and NOW - tonumber(job[12]) or 0)
  charge(job[2], job[3], job[4], tonumber(job[9]), used)
  redis.call('ZREM', STARTS, id)
  redis.call('ZREM', DELAYED, id)
  forget_blobs(job[6], ttl)
  if job[5] ~= '' then next_turn(id, job[4], job[5]) end
end

function expire(id)  -- local: slots.lua names it first
  conclude(id, 'expired', '"reason":"not started within start_within"', 'reason', 'not started within start_within')
end
