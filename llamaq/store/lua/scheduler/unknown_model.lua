-- Fragment: whether no known host has the model of a job.
-- include: assignment

-- Whether the model is known to be missing: a live host exists, and no known host has the model. A host that is down may
-- come back with its models, and while no host is live, any model may come with the next one.
local function unknown_model(model)
  if is_host_job(model) then
    local host = host_of(model)
    return host and not redis.call('ZSCORE', HOSTS, host)
  end
  if redis.call('SCARD', model_hosts_key(model)) > 0 then return false end
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, NOW - HOST_SECONDS, '+inf')) do
    if is_live(host) then return true end
  end
  return false
end
