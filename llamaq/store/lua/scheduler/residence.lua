-- Fragment: what is in a host's memory, a hash of model -> '<ready since, or 0 while it loads> <runner>'. Kept by placement's
-- own account, and corrected by each report. While a model loads no other is loaded there: Ollama does one at a time.

-- Requests running on the host: per model, and the number of models.
local function usage(host)
  local running, models = {}, 0
  for _, model in ipairs(redis.call('HVALS', slots_key(host))) do
    if not running[model] then models = models + 1 end
    running[model] = (running[model] or 0) + 1
  end
  return running, models
end

local function residents(host)
  local found, flat = {}, redis.call('HGETALL', resident_key(host))
  for index = 1, #flat, 2 do
    local since, runner = string.match(flat[index + 1], '^(%S+) (.*)$')
    found[flat[index]] = {since = tonumber(since), runner = runner}
  end
  return found
end

-- The same, put right by what runs: a model that runs is in memory, and none loads for which no job waits.
local function in_memory(host, running)
  local found = residents(host)
  for model, entry in pairs(found) do
    if entry.since == 0 and not running[model] then found[model] = nil end
  end
  for model in pairs(running) do found[model] = found[model] or {since = 1, runner = ''} end
  return found
end

local function is_loading(resident)
  for _, entry in pairs(resident) do
    if entry.since == 0 then return true end
  end
  return false
end

local function note(host, model, since, runner)
  redis.call('HSET', resident_key(host), model, string.format('%.17g', since) .. ' ' .. runner)
  return {since = since, runner = runner}
end

-- Of the models in memory, the one idle for a load: Ollama lets go what nobody uses, and so do we.
local function oldest(resident, allowed)
  local found
  for model, entry in pairs(resident) do
    if allowed(model) and (not found or entry.since < resident[found].since) then found = model end
  end
  return found
end

-- A job is about to load a model: what has to leave for it is forgotten.
local function bring(host, model, runner, resident, running, most)
  resident[model] = nil
  local count = 0
  for _ in pairs(resident) do count = count + 1 end
  while count >= most do
    local leaves = oldest(resident, function(other) return not running[other] end)
    if not leaves then break end
    resident[leaves] = nil
    redis.call('HDEL', resident_key(host), leaves)
    count = count - 1
  end
  resident[model] = note(host, model, 0, runner)
  redis.call('HINCRBY', host_key(host), 'swaps', 1)
end

-- A job has been answered: its model is there. When since.
local function loaded(host, model)
  local entry = residents(host)[model]
  if entry and entry.since == 0 then note(host, model, NOW, entry.runner) end
  return entry and (entry.since == 0 and NOW or entry.since)
end

-- A slot of the model was given back. With the last one that waited for a load, the load is over, however it went.
local function unused(host, model)
  local entry = residents(host)[model]
  if entry and entry.since == 0 and not usage(host)[model] then redis.call('HDEL', resident_key(host), model) end
end

-- The host's own word, from /api/ps. A job that was placed since then is known better here.
local function correct(host, names)
  local resident, running, there = residents(host), usage(host), {}
  for name in string.gmatch(names, '%S+') do
    there[name] = true
    local entry = resident[name]
    if not entry then note(host, name, NOW, '') elseif entry.since == 0 then note(host, name, NOW, entry.runner) end
  end
  for model in pairs(resident) do
    if not there[model] and not running[model] then redis.call('HDEL', resident_key(host), model) end
  end
end
