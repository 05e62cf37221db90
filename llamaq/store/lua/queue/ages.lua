-- Fragment: the jobs of each queue by the time of their submit, in a sorted set beside the queue. The first job of a
-- queue is not its oldest, because a queue is in the order in which jobs start. No submit was at 0 or before.
local function ages_key(model, lane) return P .. ':ages:' .. lane .. ':' .. model end

local function note_age(id, model, lane, submitted_at)
  redis.call('ZADD', ages_key(model, lane), submitted_at or redis.call('ZSCORE', JOBS, id) or NOW, id)
end

local function forget_age(id, model, lane) redis.call('ZREM', ages_key(model, lane), id) end

local function oldest_age(model, lane)
  local first = redis.call('ZRANGE', ages_key(model, lane), '(0', '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
  return first[2] and math.max(NOW - tonumber(first[2]), 0) or 0
end
