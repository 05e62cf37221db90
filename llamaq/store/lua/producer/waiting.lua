-- Lists what waits, by model and lane, and why.
--
-- Arguments  none
-- Answers    OK queues, scheduled
--   queues     for each lane of each model that jobs wait for: model, lane, waiting (jobs), age_seconds (of the oldest job),
--              eta_seconds (until one that is submitted now would start, or ''), why (a word of
--              llamaq/vocabulary/wait_reason.py)
--   scheduled  for each model with jobs that wait for their time: model, waiting (jobs), starts_at (the first of them)
-- Invariant: its cost grows with the models that jobs wait for, and not with the jobs.
-- include: keys events ages view
local queues, scheduled = {}, {}

-- What waits in the lane, and what is ahead of a new job of it.
local function lane_row(model, lane, ahead)
  local waiting = redis.call('ZCARD', queue_key(model, lane))
  local eta = estimates.eta(model, ahead + waiting, view.forecast(model))
  return {'model', model, 'lane', lane, 'waiting', waiting, 'age_seconds', string.format('%.3f', oldest_age(model, lane)),
    'eta_seconds', eta or '', 'why', view.why_of_model(model)}, waiting
end

local models = {}
for _, lane in ipairs(LANES) do
  for _, model in ipairs(redis.call('SMEMBERS', WAITING .. lane)) do models[model] = true end
end
for model in pairs(models) do
  local ahead = 0
  for _, lane in ipairs(LANES) do
    local row, waiting = lane_row(model, lane, ahead)
    ahead = ahead + waiting
    if waiting > 0 then queues[#queues + 1] = row end
  end
end
for _, model in ipairs(redis.call('SMEMBERS', schedule.MODELS)) do
  local first = redis.call('ZRANGE', schedule.key(model), 0, 0, 'WITHSCORES')
  if first[2] then
    scheduled[#scheduled + 1] = {'model', model, 'waiting', redis.call('ZCARD', schedule.key(model)), 'starts_at', first[2]}
  end
end
return confirm_as_master({'OK', 'queues', queues, 'scheduled', scheduled})
