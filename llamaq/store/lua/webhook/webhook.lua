-- Fragment: the delivery of a webhook for a job's end. It is written in the same step as the terminal event, and
-- worker/duties/webhooks.py sends it. It has a copy of the record, which may expire before the receiver answers again.
local WEBHOOKS = P .. ':webhooks'   -- sorted set: ids of jobs, by the time at which their delivery is due
local FAILING = P .. ':webhooks_failing'  -- sorted set: ids whose last try failed, by the time at which they are given up
local OWED_SECONDS = 7 * 86400      -- for a fleet without a secret to sign with; longer than all tries
-- `webhook_take` sorts what is due by receiver, so that one with many deliveries does not hold up the others.
local RECEIVERS = P .. ':webhook_receivers'  -- sorted set: receivers with deliveries that are due, by their turn
local MOST_BYTES = 1024 * 1024      -- of the result or the error in a body; each try sends it, and a dead letter keeps it
local function due_key(receiver) return P .. ':webhooks:' .. receiver end  -- list: ids of jobs
local function delivery_key(id) return P .. ':webhook:' .. id end

-- `notify` is as `llamaq.vocabulary.notify.notify_field` makes it, `members` the JSON members of the terminal event.
local function owe_webhook(id, state, members, notify)
  local url, asked, ends = string.match(notify or '', '^(%S+) ([01]) ([%a,]+)$')
  if not url or not string.find(',' .. ends .. ',', ',' .. state .. ',', 1, true) then return end
  local job = fields(record(id), 'kind', 'model', 'target', 'metadata')
  local whole, too_long = asked, #members > MOST_BYTES
  if too_long then
    local code = string.match(members, '^"error":{"code":"([%l_]+)"')
    members = code and '"error":{"code":"' .. code .. '"}' or ''
    whole = '0'
  end
  -- An error is always kept, because the body has its code.
  redis.call('HSET', delivery_key(id), 'url', url, 'whole', whole, 'state', state, 'at', STAMP, 'kind', job.kind or '',
    'model', job.target or job.model or '', 'metadata', job.metadata or '{}',
    'fields', (whole == '1' or state == 'failed') and members or '', 'omitted', too_long and asked == '1' and '1' or '')
  redis.call('EXPIRE', delivery_key(id), OWED_SECONDS)
  redis.call('ZADD', WEBHOOKS, NOW, id)
  -- Where no worker has a secret, deliveries expire. Two ids are removed for each new one, so that they become fewer.
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', NOW - OWED_SECONDS, 'LIMIT', 0, 2)) do
    if redis.call('EXISTS', delivery_key(old)) == 0 then redis.call('ZREM', WEBHOOKS, old) end
  end
end
