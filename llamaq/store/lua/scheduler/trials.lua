-- Fragment: which job is tried where a circuit is half open.
local trials = {AMONG = 20}  -- jobs of a queue among which a trial is chosen

-- The first job of a queue; where `state` has `open_to`, the first of those that it finds (exclusions.lua). Where it is to be a
-- trial, after the trials that `avoid` names, it is the one of the first jobs that failed by its host least often: so no job is
-- the trial twice in a row while another waits.
function trials.first_of(key, avoid, model, state)
  local most = avoid and trials.AMONG or 1
  local ids = state.open_to and state.open_to(model, key, most) or redis.call('ZRANGE', key, 0, most - 1)
  if not avoid then return ids[1] end
  local found, least
  for _, id in ipairs(ids) do
    local failed = avoid[id] and math.huge or tonumber(redis.call('HGET', record(id), 'blamed') or 0)
    if not least or failed < least then found, least = id, failed end
  end
  return found
end

-- The earlier trials to avoid in the choice of the next; nil where the next job of the model is no trial.
function trials.to_avoid(state, entry)
  local of_model = entry and entry.retry_at
  if not (state.trial or of_model) then return nil end
  return {[state.trial or ''] = true, [of_model and entry.trial or ''] = true}
end
