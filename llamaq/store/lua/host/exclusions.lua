-- Fragment: which hosts a job is kept from. A host that answers each job with a 500 at once always has a free slot, and would
-- use up the tries of most jobs. What a job asks may cause such an error, so it opens no circuit. Instead a job gets no slot
-- where it failed so, while another live host that has its model may get it; where there is none, it may run anywhere.
-- `failed_on` of its record has these hosts, each between two newlines.
-- include: keys events circuit_state pauses refusals next_job
local exclusions = {
  AMONG = 20,                  -- jobs of a queue that are looked at, of the first and of any
  HOSTS_LOOKED_AT = 16,
  lists = {}, elsewhere = {},  -- what this call has found, by job, and by model and list
}

function exclusions.has(list, host) return string.find(list, '\n' .. host .. '\n', 1, true) end

-- A list with one more host. It begins anew with a host that it has.
function exclusions.add(list, host)
  list = list or '\n'
  return (exclusions.has(list, host) and '\n' or list) .. host .. '\n'
end

-- Whether another host may get a job. Of many hosts some are looked at.
function exclusions.may_go_elsewhere(model, list)
  for _, other in ipairs(redis.call('SRANDMEMBER', model_hosts_key(model), exclusions.HOSTS_LOOKED_AT)) do
    local may = not exclusions.has(list, other) and is_live(other) and not pauses.of_host(other)
    if may and not refusals.is_open(refusals.of(other, model) or {}) then return true end
  end
  return false
end

-- Whether a job that failed on the hosts of the list is kept from the host.
function exclusions.apply(host, model, list)
  if not list or not exclusions.has(list, host) then return false end
  local known, key = exclusions.elsewhere, model .. list
  if known[key] == nil then known[key] = exclusions.may_go_elsewhere(model, list) end
  return known[key]
end

-- Jobs of a queue that are not kept from the host, at most `most`: of the first, and where all of these are, of any.
function exclusions.open_to(host, model, key, most)
  local lists = exclusions.lists
  local function open_among(ids)
    local found = {}
    for _, id in ipairs(ids) do
      if #found == most then break end
      lists[id] = lists[id] or redis.call('HGET', record(id), 'failed_on') or ''
      if not exclusions.apply(host, model, lists[id]) then found[#found + 1] = id end
    end
    return found
  end
  local first = redis.call('ZRANGE', key, 0, exclusions.AMONG - 1)
  local found = open_among(first)
  if found[1] or #first < exclusions.AMONG then return found end
  return open_among(redis.call('ZRANDMEMBER', key, exclusions.AMONG))
end

-- The next job for the host, and what its record says. Further jobs are looked at only where the first choice is kept from
-- the host: `state.open_to` finds them.
function exclusions.next_job(host, state)
  local job = next_job(host, state)
  local known = job and (new_job or fields(record(job.id), 'v', 'kind', 'state', 'score', 'runner', 'start_by', 'attempt',
    'tenant', 'failed_on'))
  if not job or state.open_to or not exclusions.apply(host, job.model, known.failed_on) then return job, known end
  function state.open_to(model, key, most) return exclusions.open_to(host, model, key, most) end
  return exclusions.next_job(host, state)
end
