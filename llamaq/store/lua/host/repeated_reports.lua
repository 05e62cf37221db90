-- Fragment: reports that say the same as the one before, of a host where nothing happens: of these only the times are
-- written. A host that is idle reports every five seconds, and each of its models would cost four commands.
-- The host's record has `report`, a hash of the last whole report, `report_keys`, how many keys it left behind, and
-- `reported_at`, when that was. Where a key was deleted or set aside since, or after WHOLE_SECONDS, a report is whole again.
-- include: keys events queue refusals offers host_jobs runners sizes senders
local repeated = {WHOLE_SECONDS = 30}

local function said()
  local text = table.concat(ARGV, '\n')
  return redis.sha1hex and redis.sha1hex(text) or text  -- the Redis in Python, of llamaq.testing, has no hash
end

-- How many of the keys exist that a report writes.
function repeated.keys(host, models)
  local keys = {host_models_key(host), runners.key(host), capabilities_key(host)}
  for _, model in ipairs(models) do
    keys[#keys + 1] = model_hosts_key(model)
    keys[#keys + 1] = offers_key(model)
  end
  return redis.call('EXISTS', unpack(keys))
end

-- Whether a report of the host has more to do than to say that it answers.
local function is_busy(host)
  return redis.call('EXISTS', slots_key(host), host_jobs_key(host), refusals.key(host)) > 0 or is_any_waiting()
end

-- Whether this report only repeats the last one.
function repeated.is_so(host, models)
  local known = fields(host_key(host), 'report', 'report_keys', 'reported_at', 'circuit', 'offered')
  return known.report == said() and math.abs(NOW - tonumber(known.reported_at)) < repeated.WHOLE_SECONDS
    and (known.circuit or 'closed') == 'closed' and (known.offered or '') ~= '' and not is_busy(host)
    and redis.call('HLEN', sizes_key(host)) == 1 and repeated.keys(host, models) == tonumber(known.report_keys)
end

function repeated.note(host, models)
  redis.call('HSET', host_key(host), 'report', said(), 'report_keys', repeated.keys(host, models), 'reported_at', NOW)
end
