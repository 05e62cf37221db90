-- Fragment: the size of a host, its `slots` and `max_models`, as its workers state it. Where two state different ones the
-- least of each counts, because more requests than the host serves would wait inside Ollama. A hash of the host has
-- '<time> <slots> <max_models> <machine> <version> <since>' of each worker; the host's record has `sizes` while they differ, and `machines`,
-- their number, while workers of several machines say that an Ollama of their own machine is this host.
local stated_size = {}

function stated_size.key(host) return host_key(host) .. ':sizes' end

-- Workers of the host that get nothing more, and end what runs: '<until> <version> <since>' of each.
function stated_size.leaving_key(host) return host_key(host) .. ':leaving' end

function stated_size.state(host, worker, slots, max_models, machine, version, since)
  redis.call('HSET', stated_size.key(host), worker,
    string.format('%d %s %s %s %s %s', NOW, slots, max_models, machine or '', version, since))
end

-- Returns the sizes that are stated, such as '1x1, 6x1', or '' where all agree; and the number of machines.
function stated_size.set(host, worker, slots, max_models, machine, version, since)
  stated_size.state(host, worker, slots, max_models, machine, version, since)
  slots, max_models = tonumber(slots), tonumber(max_models)
  local stated, known, machines, flat = {}, {}, {n = 0}, redis.call('HGETALL', stated_size.key(host))
  for index = 1, #flat, 2 do
    local at, of_slots, of_models, where = string.match(flat[index + 1], '^(%d+) (%d+) (%d+) ?(%S*)')
    if not at or math.abs(NOW - tonumber(at)) > HOST_SECONDS then
      redis.call('HDEL', stated_size.key(host), flat[index])
    else
      slots, max_models = math.min(slots, tonumber(of_slots)), math.min(max_models, tonumber(of_models))
      local size = of_slots .. 'x' .. of_models
      if not known[size] then stated[#stated + 1] = size end
      known[size] = true
      if where ~= '' and not machines[where] then machines[where], machines.n = true, machines.n + 1 end
    end
  end
  table.sort(stated)
  local sizes = #stated > 1 and table.concat(stated, ', ') or ''
  redis.call('HSET', host_key(host), 'slots', slots, 'max_models', max_models)
  if sizes ~= '' then redis.call('HSET', host_key(host), 'sizes', sizes) else redis.call('HDEL', host_key(host), 'sizes') end
  if machines.n > 1 then redis.call('HSET', host_key(host), 'machines', machines.n)
  else redis.call('HDEL', host_key(host), 'machines') end
  return sizes, machines.n
end
