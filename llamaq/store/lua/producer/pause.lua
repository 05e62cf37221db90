-- Pauses a host or a model, drains it, or ends that. Jobs that were assigned there and not claimed are requeued.
--
-- Arguments  host, model  one of them; the other is ''
--            word         paused | draining | '' (gets jobs again)
-- Answers    OK | UNKNOWN (no worker reports the host; no host has the model, and no job waits for it)
-- Invariant: once it is answered, no job begins there. Sent twice, it has one effect. Its cost grows with the hosts of the
-- model and their slots.
-- include: keys events queue assignment ending requeue
local host, model = given.host, given.model
local what = host ~= '' and 'host:' .. host or 'model:' .. model

local function is_known()
  if pauses.of(what) then return true end
  if host ~= '' then return redis.call('ZSCORE', HOSTS, host) end
  return redis.call('SCARD', model_hosts_key(model)) > 0 or is_waiting(model)
end

if not is_known() then return confirm_as_master({'UNKNOWN'}) end
pauses.set(what, given.word)
local hosts = host ~= '' and {host} or redis.call('SMEMBERS', model_hosts_key(model))
for _, name in ipairs(hosts) do
  if given.word ~= '' then requeue_unclaimed(name, host == '' and model or nil) end
  redis.call('HDEL', host_key(name), 'offered')  -- its offers are made anew
  note(PENDING.hosts, name)
end
assign_pending()
return {'OK'}
