-- Fragment: which host has which model, in both directions.
local function forget(host)
  for _, model in ipairs(redis.call('SMEMBERS', host_models(host))) do redis.call('SREM', model_hosts(model), host) end
  redis.call('DEL', host_key(host), host_models(host), host_workers(host), resident_key(host),
    host_can(host), host_queue(host))
  redis.call('ZREM', HOSTS, host)
end

local function offer(host, models)
  local wanted = {}
  for _, model in ipairs(models) do
    wanted[model] = true
    redis.call('SADD', host_models(host), model)
    redis.call('SADD', model_hosts(model), host)
  end
  for _, model in ipairs(redis.call('SMEMBERS', host_models(host))) do
    if not wanted[model] then
      redis.call('SREM', host_models(host), model)
      redis.call('SREM', model_hosts(model), host)
    end
  end
end

-- What each of the host's models can do, where its server tells: a submit is refused by it.
local function learn(host, status)
  redis.call('DEL', host_can(host))
  for _, model in ipairs(cjson.decode(status).models or {}) do
    local can = model.serves or model.capabilities
    if can and #can > 0 then redis.call('HSET', host_can(host), model.model, table.concat(can, ' ')) end
  end
end

-- A probe succeeded: a circuit that probes opened lets one job try; one that jobs opened has its own time for that.
local function answers(host)
  if circuit_of(host) ~= 'open' or redis.call('HEXISTS', host_key(host), 'retry_at') == 1 then return end
  redis.call('HSET', host_key(host), 'circuit', 'half_open')
end
