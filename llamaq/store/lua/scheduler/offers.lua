-- Fragment: offers, by which a submit finds a host without a look at each. A sorted set for each model has the hosts with
-- a free slot for it, best first: those that have it loaded, then where most slots are free, and among equals where a job
-- was assigned longest ago. An offer may be out of date; `fill_host` decides. But a host that could take a job of a model
-- has an offer for it, or a time in DUE at which the reaper looks at it again.
-- `offered` of the host's record is the state that its offers were made from: '' where it has none.
-- include: keys events pauses refusals loaded_models
local offers = {
  DUE = P .. ':offers_due',
  ASKED = 4,       -- hosts that are asked for a job, of the best and of any
  LOOKED_AT = 16,  -- most hosts that are looked at for a figure or for a retry
}

function offers.withdraw(host)
  for _, model in ipairs(redis.call('SMEMBERS', host_models_key(host))) do redis.call('ZREM', offers_key(model), host) end
  redis.call('HSET', host_key(host), 'offered', '')
end

-- Whether a model can get a slot, and whether that needs a load: 'loaded', 'load', or nil.
function offers.slot_for(as, state)
  local running = state.running[as] or 0
  if running >= state.slots then return nil end
  if running > 0 then return 'loaded' end
  if state.models >= state.max_models then return nil end
  if state.loaded[as] then return 'loaded' end
  return not state.is_loading and 'load' or nil
end

-- When a circuit of the host, or of a model on it, lets a trial through.
function offers.note_due(host, spec, state)
  local due = spec.circuit == 'open' and damage.number(spec.retry_at)
  for _, entry in pairs(state and state.refusals or {}) do
    if refusals.is_open(entry) then due = math.min(due or math.huge, entry.retry_at) end
  end
  if due then redis.call('ZADD', offers.DUE, due, host) end
end

function offers.text_of(state)
  local parts = {state.used}
  for name, number in pairs(state.running) do parts[#parts + 1] = name .. ' ' .. number end
  for name, entry in pairs(state.loaded) do parts[#parts + 1] = name .. (entry.since == 0 and ' loads' or ' loaded') end
  return table.concat(parts, ',')
end

-- Makes the host's offers anew. Without a `state` it has no free slot.
function offers.update(host, spec, state)
  offers.note_due(host, spec, state)
  if not state or state.used >= state.slots * state.max_models then
    if spec.slots and spec.offered ~= '' then offers.withdraw(host) end  -- without slots the host is not known
    return
  end
  state.is_loading = loads.is_loading(state.loaded)
  local text = loads.count(state.refusals) > 0 and 'refused' or offers.text_of(state)
  if text == spec.offered and text ~= 'refused' then return end
  local used = math.floor(math.min(state.used / math.max(state.slots, 1), 99) * 10)
  for _, model in ipairs(redis.call('SMEMBERS', host_models_key(host))) do
    local admitted = refusals.decide_admission(host, state.refusals[model]) ~= 'none' and not pauses.of_model(model)
    local found = admitted and offers.slot_for(runners.of(host, model).as, state)
    if found then
      -- Below 2^53: one digit, three digits, and milliseconds.
      local score = ((found == 'load' and 1 or 0) * 1000 + used) * 2e12 + math.floor(state.assigned_at * 1000)
      redis.call('ZADD', offers_key(model), string.format('%.0f', score), host)
    else
      redis.call('ZREM', offers_key(model), host)
    end
  end
  redis.call('HSET', host_key(host), 'offered', text)
end
