-- Fragment: the models in a host's memory, a hash of model -> '<loaded since, or 0 while it loads> <context, 0 unknown>
-- <load options as a job asked for them> | <the same as in force>'. Each assignment updates it, and each report of the host
-- corrects it. While a model loads, no other load is assigned: Ollama does one at a time. Models of the same weights are one
-- here, under one name (`as` of runners.lua).
-- include: trials runners
local loads = {}  -- one table, because Lua takes 200 locals in a script

-- The requests that run on the host: for each model, the number of models, and the number of requests.
function loads.usage(host)
  local running, models, names, held = {}, 0, {}, redis.call('HVALS', slots_key(host))
  for _, model in ipairs(held) do
    names[model] = names[model] or runners.of(host, model).as
    local as = names[model]
    if not running[as] then models = models + 1 end
    running[as] = (running[as] or 0) + 1
  end
  return running, models, #held
end

function loads.entries(host)
  local found, flat = {}, redis.call('HGETALL', loaded_key(host))
  for index = 1, #flat, 2 do
    local since, context, asked, runner = string.match(flat[index + 1], '^(%S+) (%d+) (.*)|(.*)$')
    found[flat[index]] = {since = tonumber(since or 1), context = tonumber(context or 0), asked = asked or '',
      runner = runner or ''}
  end
  return found
end

-- The loaded models, corrected by the jobs that hold slots: their models are loaded, and a load without such a job is over.
function loads.now(host, running)
  local found = loads.entries(host)
  for model, entry in pairs(found) do
    if entry.since == 0 and not running[model] then found[model] = nil end
  end
  for model in pairs(running) do found[model] = found[model] or {since = 1, context = 0, asked = '', runner = ''} end
  return found
end

function loads.is_loading(loaded)
  for _, entry in pairs(loaded) do
    if entry.since == 0 then return true end
  end
  return false
end

function loads.count(set)
  local count = 0
  for _ in pairs(set) do count = count + 1 end
  return count
end

function loads.set(host, model, since, entry)
  redis.call('HSET', loaded_key(host), model,
    string.format('%.17g %.0f %s|%s', since, entry.context, entry.asked, entry.runner))
  entry.since = since
  return entry
end

-- Of the loaded models that `allowed` takes, the one that was loaded first.
local function longest_loaded(loaded, allowed)
  local found
  for model, entry in pairs(loaded) do
    if allowed(model) and (not found or entry.since < loaded[found].since) then found = model end
  end
  return found
end

-- A job that loads a model was assigned: the models that have to be unloaded for it no longer count as loaded.
function loads.begin(host, spec, asked, state)
  local loaded, model = state.loaded, spec.as
  loaded[model] = nil
  while loads.count(loaded) >= state.max_models do
    local unloaded = longest_loaded(loaded, function(other) return not state.running[other] end)
    if not unloaded then break end
    loaded[unloaded] = nil
    redis.call('HDEL', loaded_key(host), unloaded)
  end
  loaded[model] = loads.set(host, model, 0, {context = 0, asked = asked, runner = runners.in_force(spec, asked)})
  redis.call('HINCRBY', host_key(host), 'swaps', 1)
end

-- A job of the model completed, so the model is loaded. Returns since when.
function loads.finish(host, model)
  local as = runners.of(host, model).as
  local entry = loads.entries(host)[as]
  if entry and entry.since == 0 then loads.set(host, as, NOW, entry) end
  return entry and entry.since
end

-- A slot of the model became free. When it was the last one that waited for a load, the load is over, however it ended.
function loads.end_unused(host, model)
  local as = runners.of(host, model).as
  local entry = loads.entries(host)[as]
  if entry and entry.since == 0 and not loads.usage(host)[as] then redis.call('HDEL', loaded_key(host), as) end
end

-- Corrects the hash by the models that the host reports in /api/ps, with their `contexts`. Models of jobs that were assigned
-- since are kept. The context of a runner that was loaded without `num_ctx` is the host's default.
function loads.reconcile(host, names, contexts)
  local loaded, running, reported = loads.entries(host), loads.usage(host), {}
  for name in string.gmatch(names, '%S+') do
    local spec = runners.of(host, name)
    if not reported[spec.as] then
      reported[spec.as] = true
      local entry = loaded[spec.as] or {since = 0, asked = '', runner = runners.in_force(spec, ''), context = 0}
      entry.context = tonumber(contexts[name] or entry.context)
      loads.set(host, spec.as, entry.since == 0 and NOW or entry.since, entry)
      local default = entry.context > 0 and not string.find(entry.runner, 'num_ctx=', 1, true)
      if default and (entry.context < spec.trained or spec.trained == 0) then
        redis.call('HSET', host_key(host), 'default_ctx', entry.context)
      end
    end
  end
  for model in pairs(loaded) do
    if not reported[model] and not running[model] then redis.call('HDEL', loaded_key(host), model) end
  end
end
