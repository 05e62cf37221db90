-- Fragment: whether the fleet, as it is known, can do what a job asks for.
-- include: slots

-- A host that is known and silent, or down, just now may come back with its models; while no host is well, who knows what
-- it will have. Only where one is well and nobody has the model, waiting is in vain.
local function unknown_model(model)
  if is_chore(model) then return nobodys_chore(model) end
  if redis.call('SCARD', model_hosts(model)) > 0 then return false end
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', HOSTS, NOW - HOST_SECONDS, '+inf')) do
    if live(host) then return true end
  end
  return false
end

-- The first of the capabilities (joined by blanks) that the model lacks on every host that has it, and what it can do
-- there. A host that does not tell what its model can do counts as able.
local function lacking(model, needs)
  if needs == '' then return nil end
  local hosts = redis.call('SMEMBERS', model_hosts(model))
  for need in string.gmatch(needs, '[^ ]+') do
    local known
    for _, host in ipairs(hosts) do
      known = redis.call('HGET', host_can(host), model)
      if not known or string.find(' ' .. known .. ' ', ' ' .. need .. ' ', 1, true) then known = nil break end
    end
    if known then return need, known end
  end
end
