-- Fragment: reports that say the same as the one before. Of these only the times and the size are written,
-- and what the host's models are is left as it was. A host reports every five seconds, and each of its models would cost two commands.
-- The host's record has `report`, a hash of the last whole report, `report_keys`, how many keys it left behind, and
-- `reported_at`, when that was. Where a key was deleted or set aside since, or after WHOLE_SECONDS, a report is whole again.
-- include: keys events queue refusals runners sizes
local repeated = {WHOLE_SECONDS = 120}

-- The Redis in Python, on which llamaq.testing runs the scripts, has no `sha1hex`.
local function report_digest()
  local text = table.concat(ARGV, '\n')
  return redis.sha1hex and redis.sha1hex(text) or text
end

-- How many of the keys exist that a report writes; with `offers_too`, of those and of its models' offers.
function repeated.keys(host, models, offers_too)
  local keys = {host_models_key(host), runners.key(host), capabilities_key(host)}
  for _, model in ipairs(models) do
    keys[#keys + 1] = model_hosts_key(model)
    if offers_too then keys[#keys + 1] = offers_key(model) end
  end
  return redis.call('EXISTS', unpack(keys))
end

-- What the host's record says of its last report, and of what the host gets.
function repeated.known(host)
  return fields(host_key(host), 'report', 'report_keys', 'reported_at', 'circuit', 'offered')
end

-- Whether this report only repeats the last one, of the host's only worker. Then `known.offers`: whether none is missing.
function repeated.is_repeat(host, models, known)
  local keys, reported_at = tonumber(known.report_keys), tonumber(known.reported_at)
  if not keys or not reported_at then return false end  -- they were deleted or written over
  if known.report ~= report_digest() or math.abs(NOW - reported_at) >= repeated.WHOLE_SECONDS
    or redis.call('HLEN', stated_size.key(host)) ~= 1 then return false end
  known.offers = repeated.keys(host, models, true) == keys + #models
  return known.offers or repeated.keys(host, models) == keys
end

function repeated.note(host, models)
  redis.call('HSET', host_key(host), 'report', report_digest(), 'report_keys', repeated.keys(host, models), 'reported_at', NOW)
end

-- Whether there is nothing at the host that a report could change: no job, no job that waits, and its slots are offered.
-- Where its offers were deleted, they are made anew when its slots are looked at.
function repeated.is_idle(host, models, known)
  local offered = (known.offered or '') ~= '' and known.offers
  if not offered and known.offered ~= '' then redis.call('HDEL', host_key(host), 'offered') end
  return offered and (known.circuit or 'closed') == 'closed' and redis.call('EXISTS', slots_key(host), refusals.key(host),
    WAITING .. LANES[1], WAITING .. LANES[2], WAITING .. LANES[3]) == 0
end
