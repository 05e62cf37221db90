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
-- it has; nil where it lacks none. `some` are one or more of its hosts, which are looked at first: most often they have them.
local function lacking_capability(model, needs, some)
  for capability in string.gmatch(needs, '[^ ]+') do
    local reported = reported_without(model, capability, some)
      and reported_without(model, capability, redis.call('SMEMBERS', model_hosts_key(model)))
    if reported then return capability, reported end
  end
end
