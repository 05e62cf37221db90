-- Fragment: refusals (503, 429) and faults, counted for each model on each host. They open the circuit of the model there, and
-- not that of the host: a quota, a queue that is full, or a damaged file concerns one model. A hash of the host has for each
-- such model, as JSON:
--   faults, job       refusals and faults since the last success, where several of one job in a row count once; the job of the last one
--   trips, retry_at   as of a host's circuit; `retry_at` is set while the circuit is not closed
--   trial             the latest job that was assigned as a trial
--   works_at          when the latest job was claimed that got an answer
--   reason            of the last refusal, and refused_at when that was
-- include: keys events
local refusals = {           -- one table, because Lua takes 200 locals in a script
  ENDS = P .. ':refused',       -- sorted set: jobs whose last attempt was refused, by the time at which they end
  KEPT_SECONDS = 7200,
  LONGEST_WAIT_SECONDS = 3600,  -- the most that a circuit waits because of a Retry-After
}

function refusals.key(host) return host_key(host) .. ':refusals' end

-- An entry; nil where something else has written over it, or where it is old: those of other models keep the hash.
function refusals.read(text)
  local well, entry = pcall(cjson.decode, text)
  local known = well and type(entry) == 'table' and tonumber(entry.faults) and tonumber(entry.trips)
  return known and (tonumber(entry.refused_at) or NOW) > NOW - refusals.KEPT_SECONDS and entry or nil
end

function refusals.of(host, model)
  local known = redis.call('HGET', refusals.key(host), model)
  return known and refusals.read(known)
end

-- All of a host, by model.
function refusals.on(host)
  local found, flat = {}, redis.call('HGETALL', refusals.key(host))
  for index = 1, #flat, 2 do found[flat[index]] = refusals.read(flat[index + 1]) end
  return found
end

function refusals.save(host, model, entry)
  redis.call('HSET', refusals.key(host), model, cjson.encode(entry))
  redis.call('EXPIRE', refusals.key(host), refusals.KEPT_SECONDS)
end

-- Whether the pause is not over. One that is longer than any can be was written before Redis' clock was set back.
function refusals.is_open(entry)
  return entry.retry_at and entry.retry_at > NOW and entry.retry_at <= NOW + refusals.LONGEST_WAIT_SECONDS
end

-- Decides how many jobs of a model the host may get: 'all', 'one' (the trial), or 'none'.
function refusals.decide_admission(host, entry)
  if not entry or not entry.retry_at then return 'all' end
  if refusals.is_open(entry) then return 'none' end
  return entry.trial and redis.call('HEXISTS', slots_key(host), entry.trial) == 1 and 'none' or 'one'
end

function refusals.set_trial(host, model, entry, id)
  if not entry or not entry.retry_at then return end
  entry.trial = id
  refusals.save(host, model, entry)
end

-- Whether a refusal of this job counts as a try: since its first refusal another job of the model got an answer here, and
-- since then no other job was refused.
function refusals.count(host, model, id, refused_at)
  local entry = refused_at and refusals.of(host, model)
  if not entry or (entry.works_at or 0) <= tonumber(refused_at) then return false end
  return entry.faults == 0 or (entry.faults == 1 and entry.job == id)
end
