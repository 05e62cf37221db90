-- Fragment: which host has which model, indexed in both directions.
-- include: sizes runners
local function forget_host(host)
  for _, model in ipairs(redis.call('SMEMBERS', host_models_key(host))) do
    redis.call('SREM', model_hosts_key(model), host)
    redis.call('ZREM', offers_key(model), host)
  end
  redis.call('ZREM', offers.DUE, host)
  redis.call('DEL', host_key(host), host_models_key(host), workers_key(host), loaded_key(host),
    capabilities_key(host), refusals.key(host), stated_size.key(host), stated_size.leaving_key(host), runners.key(host), celery_queue(host),
    host_key(host) .. ':generation')
  redis.call('ZREM', HOSTS, host)
end

local function set_models(host, models)
  local wanted = {}
  -- First, because mend.lua finds the models' keys by it, of which one may be damaged.
  if #models > 0 then redis.call('SADD', host_models_key(host), unpack(models)) end
  for _, model in ipairs(models) do
    wanted[model] = true
    redis.call('SADD', model_hosts_key(model), host)
  end
  for _, model in ipairs(redis.call('SMEMBERS', host_models_key(host))) do
    if not wanted[model] then
      redis.call('SREM', host_models_key(host), model)
      redis.call('SREM', model_hosts_key(model), host)
      redis.call('ZREM', offers_key(model), host)
      redis.call('HDEL', refusals.key(host), model)
    end
  end
end

-- The capabilities of the host's models, where its server reports them. A submit is checked against them.
local function set_capabilities(host, status)
  local flat = {}
  for _, model in ipairs(cjson.decode(status).models or {}) do
    local can = model.serves or model.capabilities
    if can and #can > 0 then flat[#flat + 1], flat[#flat + 2] = model.model, table.concat(can, ' ') end
  end
  redis.call('DEL', capabilities_key(host))
  if #flat > 0 then redis.call('HSET', capabilities_key(host), unpack(flat)) end
end

-- A probe succeeded: a circuit that a probe opened becomes half open. One that jobs opened waits for its `retry_at`.
local function record_answer(host)
  if circuit_of(host) ~= 'open' or redis.call('HEXISTS', host_key(host), 'retry_at') == 1 then return end
  redis.call('HSET', host_key(host), 'circuit', 'half_open')
end
