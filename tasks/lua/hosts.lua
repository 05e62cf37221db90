-- Fragment: which host has which model, in both directions.
local function forget(host)
  for _, model in ipairs(redis.call('SMEMBERS', host_models(host))) do redis.call('SREM', model_hosts(model), host) end
  redis.call('DEL', host_key(host), host_models(host), host_workers(host))
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
