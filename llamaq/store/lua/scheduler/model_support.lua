-- Fragment: whether the known hosts' model has the capabilities that a job needs.
-- include: keys

-- Whether the host's model may have the capability: it is among those that the host reports of it (joined by blanks), or
-- the host reports none.
local function may_have(reported, capability)
  return not reported or string.find(' ' .. reported .. ' ', ' ' .. capability .. ' ', 1, true)
end

-- The capabilities that the model has, where each of the hosts lacks this one; nil where one may have it.
local function reported_without(model, capability, hosts)
  local reported
  for _, host in ipairs(hosts) do
    reported = redis.call('HGET', capabilities_key(host), model)
    if may_have(reported, capability) then return nil end
  end
  return reported
end

-- The first capability of `needs` (joined by blanks) that the model lacks on each of its hosts, and the capabilities that
-- it has; nil where it lacks none. Any host is looked at first, because most often it has them.
local function lacking_capability(model, needs)
  for capability in string.gmatch(needs, '[^ ]+') do
    local hosts = model_hosts_key(model)
    local reported = reported_without(model, capability, redis.call('SRANDMEMBER', hosts, 1))
      and reported_without(model, capability, redis.call('SMEMBERS', hosts))
    if reported then return capability, reported end
  end
end
