-- Fragment: whether the known hosts can do what a job asks for.
-- include: assignment

-- Whether no host has the model, and waiting for one would be in vain. A host that is silent or down may come back with
-- its models, and while no host is live, nobody knows what the next one will have.
local function unknown_model(model)
  if is_host_job(model) then return names_unknown_host(model) end
  if redis.call('SCARD', model_hosts_key(model)) > 0 then return false end
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, NOW - HOST_SECONDS, '+inf')) do
    if is_live(host) then return true end
  end
  return false
end

-- Whether the capabilities that a host tells of a model (joined by blanks, or false where it tells none) hold this one.
local function may_have(told, capability)
  return not told or string.find(' ' .. told .. ' ', ' ' .. capability .. ' ', 1, true)
end

-- The first capability of `needs` (joined by blanks) that the model lacks on every host that has it, and those that it
-- has there; nil where there is none.
local function lacking_capability(model, needs)
  if needs == '' then return nil end
  local hosts = redis.call('SMEMBERS', model_hosts_key(model))
  for capability in string.gmatch(needs, '[^ ]+') do
    local told
    for _, host in ipairs(hosts) do
      told = redis.call('HGET', capabilities_key(host), model)
      if may_have(told, capability) then told = nil break end
    end
    if told then return capability, told end
  end
end
