-- Fragment: the delivery of a webhook for a job's end. It is written in the same step as the terminal event, and
-- worker/duties/webhooks.py sends it. It has a copy of the record, which may expire before the receiver answers again.
local WEBHOOKS = P .. ':webhooks'   -- sorted set: ids of jobs, by the time at which their delivery is due
local OWED_SECONDS = 7 * 86400      -- for a fleet without a secret to sign with; longer than all tries
local function delivery_key(id) return P .. ':webhook:' .. id end

-- `notify` is as `llamaq.vocabulary.notify.notify_field` makes it, `members` the JSON members of the terminal event.
local function owe_webhook(id, state, members, notify)
  local url, whole, ends = string.match(notify or '', '^(%S+) ([01]) ([%a,]+)$')
  if not url or not string.find(',' .. ends .. ',', ',' .. state .. ',', 1, true) then return end
  local job = fields(record(id), 'kind', 'model', 'target', 'metadata')
  -- An error is always kept, because the body has its code.
  redis.call('HSET', delivery_key(id), 'url', url, 'whole', whole, 'state', state, 'at', STAMP, 'kind', job.kind or '',
    'model', job.target or job.model or '', 'metadata', job.metadata or '{}',
    'fields', (whole == '1' or state == 'failed') and members or '')
  redis.call('EXPIRE', delivery_key(id), OWED_SECONDS)
  redis.call('ZADD', WEBHOOKS, NOW, id)
end
