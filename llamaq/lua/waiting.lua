-- Fragment: the waiting room, a sorted set for each model and lane. `WAITING .. lane` indexes the models that have one.
local function enter(id, model, lane, score)
  redis.call('ZADD', room(model, lane), score, id)
  redis.call('SADD', WAITING .. lane, model)
end

local function leave(id, model, lane)
  if redis.call('ZREM', room(model, lane), id) == 1 and redis.call('EXISTS', room(model, lane)) == 0 then
    redis.call('SREM', WAITING .. lane, model)
  end
end

local function depth(model)
  local count = 0
  for _, lane in ipairs(LANES) do count = count + redis.call('ZCARD', room(model, lane)) end
  return count
end

-- Jobs ahead of one that waits, or nil when it does not: those of higher lanes, and those before it in its own.
local function position(id, model, lane)
  local ahead = redis.call('ZRANK', room(model, lane), id)
  if not ahead then return nil end
  for _, higher in ipairs(LANES) do
    if higher == lane then return ahead end
    ahead = ahead + redis.call('ZCARD', room(model, higher))
  end
end
