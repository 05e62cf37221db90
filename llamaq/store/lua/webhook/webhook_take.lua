-- Takes a delivery that is due, of the receiver whose last call is the longest ago. No other worker gets the delivery for so
-- many seconds. If it is not settled by then, it is due again.
--
-- Arguments  seconds
--            busy       receivers that get no call now, joined by blanks
--            webhooks   that the worker sends, by senders.lua; '' where it has stated it
-- Answers    TAKEN id, tries (with this one), receiver (host and port of its URL), delivery (its fields)
--            NONE more (1 where another call may find one)
-- Invariant: its cost does not grow with the deliveries that are due, of whatever receiver.
-- include: keys events webhook dead_letter senders
local MOST_TAKEN = 50  -- far more than the tries of a delivery; after so many, no worker could settle it
local MOST = 100       -- ids that one call looks at
local busy, skipped = {}, 0
for receiver in string.gmatch(given.busy, '%S+') do
  busy[receiver] = true
  skipped = skipped + 1
end

-- Puts a receiver behind all others; with 'NX' only a new one, with 'XX' only a known one.
local function queue_receiver(receiver, which)
  local last = redis.call('ZRANGE', RECEIVERS, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', RECEIVERS, which, tonumber(last or 0) + 1, receiver)
end

-- Moves ids that are due to the lists of their receivers. Returns how many there were.
local function sort_due()
  local due = redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', NOW, 'LIMIT', 0, MOST)
  for _, id in ipairs(due) do
    local url = redis.pcall('HGET', delivery_key(id), 'url')  -- false where it has expired, a table where it is no hash
    redis.call('ZREM', WEBHOOKS, id)
    if type(url) == 'string' then
      local receiver = string.lower(string.match(url, '^%a+://([^/?#%s]+)') or '?')
      redis.call('RPUSH', due_key(receiver), id)
      redis.call('EXPIRE', due_key(receiver), OWED_SECONDS)
      queue_receiver(receiver, 'NX')
      redis.call('EXPIRE', RECEIVERS, OWED_SECONDS)
    end
  end
  return #due
end

-- The next delivery of a receiver as the answer of this script; nil where it has none, or only such as are set aside.
local function take_of(receiver)
  for _ = 1, MOST do
    local id = redis.call('LPOP', due_key(receiver))
    if not id then break end
    if redis.call('EXISTS', delivery_key(id)) == 1 then
      local tries = redis.call('HINCRBY', delivery_key(id), 'tries', 1)
      if tries <= MOST_TAKEN then
        redis.call('ZADD', WEBHOOKS, NOW + tonumber(given.seconds), id)
        queue_receiver(receiver, 'XX')
        if redis.call('EXISTS', due_key(receiver)) == 0 then redis.call('ZREM', RECEIVERS, receiver) end
        return {'TAKEN', 'id', id, 'tries', tries, 'receiver', receiver, 'delivery', redis.call('HGETALL', delivery_key(id))}
      end
      add_dead_letter(id, '', 'webhook', '', 'webhook: taken ' .. MOST_TAKEN .. ' times, and never settled')
      redis.call('ZREM', FAILING, id)
      redis.call('DEL', delivery_key(id))
    end
  end
  if redis.call('EXISTS', due_key(receiver)) == 0 then redis.call('ZREM', RECEIVERS, receiver) end
end

senders.state(given.webhooks or '')
local sorted = sort_due()
local looked = 0
for _, receiver in ipairs(redis.call('ZRANGE', RECEIVERS, 0, skipped)) do
  if not busy[receiver] then
    looked = looked + 1
    local taken = take_of(receiver)
    if taken then return taken end
  end
end
return {'NONE', 'more', (looked > 0 or sorted == MOST) and 1 or 0}
