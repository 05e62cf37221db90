-- Fragment: since when each job of a room has been submitted, in a sorted set beside the room: the room itself is in the order
-- in which jobs will start, and its first is not its oldest.
local function ages(model, lane) return P .. ':ages:' .. lane .. ':' .. model end

local function aged(id, model, lane) redis.call('ZADD', ages(model, lane), redis.call('ZSCORE', JOBS, id) or NOW, id) end

local function unaged(id, model, lane) redis.call('ZREM', ages(model, lane), id) end

local function oldest_age(model, lane)
  local first = redis.call('ZRANGE', ages(model, lane), 0, 0, 'WITHSCORES')
  return first[2] and math.max(NOW - tonumber(first[2]), 0) or 0
end
