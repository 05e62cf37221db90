-- Fragment: what one runner is to Ollama. Models of the same weights share a runner, and a request loads it again only where
-- its load options differ from those in force. A hash of the host has for each model '<as> <trained> <options>': the one
-- name by which the scheduler counts all models of these weights, the context that it was trained for (0 unknown), and
-- the load options of its model file. `default_ctx` of the host's record is the context of a runner without `num_ctx`.
-- include: trials
local runners = {
  DEFAULTS = {num_batch = 512, num_gpu = -1, main_gpu = 0, num_thread = 0},  -- Ollama's
  known = {},                                                                -- what this call has read, by host and model
}

function runners.key(host) return host_key(host) .. ':runners' end

function runners.read(model, text)
  local as, trained, options = string.match(text or '', '^(%S+) (%d+) (.*)$')
  return {as = as or model, trained = tonumber(trained or 0), options = options or ''}
end

function runners.of(host, model)
  local read = runners.known[host] or {}
  runners.known[host] = read
  read[model] = read[model] or runners.read(model, redis.call('HGET', runners.key(host), model))
  return read[model]
end

-- Replaces all of a host. `known` has the texts by model.
function runners.set(host, known)
  local flat, read = {}, {}
  for model, text in pairs(known) do
    flat[#flat + 1], flat[#flat + 2], read[model] = model, text, runners.read(model, text)
  end
  redis.call('DEL', runners.key(host))
  runners.known[host] = read
  if #flat > 0 then redis.call('HSET', runners.key(host), unpack(flat)) end
end

-- The load options as they are in force for a model, in one order. Options that are too long for a key are a hash, which
-- equals itself alone.
function runners.in_force(spec, asked)
  if asked ~= '' and not string.find(asked, '=', 1, true) then return asked end
  local options, names, parts = {}, {}, {}
  for _, text in ipairs({spec.options, asked}) do
    for name, value in string.gmatch(text, '([%w_]+)=(-?%d+)') do options[name] = tonumber(value) end
  end
  if options.num_ctx and spec.trained > 0 then options.num_ctx = math.min(options.num_ctx, spec.trained) end
  for name, value in pairs(options) do
    if runners.DEFAULTS[name] ~= value then names[#names + 1] = name end
  end
  table.sort(names)
  for index, name in ipairs(names) do parts[index] = string.format('%s=%.0f', name, options[name]) end
  return table.concat(parts, ',')
end

local function without_context(options)
  return options == '' and '' or (string.gsub(',' .. options, ',num_ctx=%d+', ''))
end

-- Whether a job of the model with these load options runs on the loaded runner as it is.
function runners.fits(spec, asked, loaded, default_ctx)
  local wanted = runners.in_force(spec, asked)
  if wanted == loaded.runner then return true end
  if without_context(wanted) ~= without_context(loaded.runner) then return false end
  local function context_of(options)
    local default = default_ctx and (spec.trained > 0 and math.min(default_ctx, spec.trained) or default_ctx)
    return tonumber(string.match(options, 'num_ctx=(%d+)')) or default
  end
  local context = loaded.context > 0 and loaded.context or context_of(loaded.runner)
  return context ~= nil and context_of(wanted) == context
end

-- The first job of a queue that runs on the loaded runner, and its load options. The queue's first job is looked at, and the
-- first of those that ask for nothing, for what the runner was loaded with, or for the context in force.
function runners.first_fitting(model, lane, spec, state, first, avoid)
  local loaded = state.loaded[spec.as]
  if not loaded then return nil end
  local asked = first and redis.call('HGET', record(first), 'runner')
  if asked and runners.fits(spec, asked, loaded, state.default_ctx) then return first, asked end
  local found, options, best
  for _, text in ipairs({loaded.asked, '', string.format('num_ctx=%.0f', loaded.context)}) do
    local id = runners.fits(spec, text, loaded, state.default_ctx)
      and trials.first_of(runner_queue_key(model, lane, text), avoid, model, state)
    local score = id and tonumber(redis.call('ZSCORE', queue_key(model, lane), id) or 0)
    if id and (not best or score < best) then found, options, best = id, text, score end
  end
  return found, options
end
