-- Fragment: the keys of jobs, queues and hosts. The fragments of conversations, webhooks and fairness have the keys of
-- their own; llamaq/store/keys.py has those that Python uses. ARGV[1] is the prefix in every script.
-- A script finds job ids, hosts and models while it runs, so their keys cannot all be passed as KEYS. That rules out
-- Redis Cluster, as Celery's broker does anyway.
local P = ARGV[1]
-- include: set_aside
local function record(id) return P .. ':{' .. id .. '}' end
local function log(id) return P .. ':{' .. id .. '}:events' end
local function blob_key(sha256) return P .. ':blob:' .. sha256 end
local function shown_key(sha256) return P .. ':shown:' .. sha256 end
local function queue_key(model, lane) return P .. ':waiting:' .. lane .. ':' .. model end
local function runner_queue_key(model, lane, runner) return P .. ':runner:' .. lane .. ':' .. model .. ' ' .. runner end
local function lane_key(model, lane) return P .. ':lane:' .. lane .. ':' .. model end
local function tenants_key(model, lane) return P .. ':tenants:' .. lane .. ':' .. model end
local function turns_key(tenant, name) return P .. ':turns:' .. tenant .. ':' .. name end
local function host_key(host) return P .. ':host:' .. host end
local function celery_queue(host) return P .. '.host.' .. host end
local function slots_key(host) return P .. ':host:' .. host .. ':slots' end
local function host_models_key(host) return P .. ':host:' .. host .. ':models' end
local function loaded_key(host) return P .. ':host:' .. host .. ':loaded' end
local function capabilities_key(host) return P .. ':host:' .. host .. ':capabilities' end
local function workers_key(host) return P .. ':host:' .. host .. ':workers' end
local function model_hosts_key(model) return P .. ':model:' .. model .. ':hosts' end
local function offers_key(model) return P .. ':model:' .. model .. ':offers' end
local LANES = {'interactive', 'normal', 'batch'}
local WAITING, LEASES, DELAYED = P .. ':waiting:', P .. ':leases', P .. ':delayed'
local EXPIRING = P .. ':expiring'  -- sorted set: ended jobs, by when their records expire
local STARTS, JOBS, HOSTS = P .. ':start_by', P .. ':jobs', P .. ':hosts'
local SERVICE, QUEUED = P .. ':service', P .. ':queued'
local counted = {  -- hashes that outlive a record which is deleted by hand
  BLOBS = P .. ':blobs',        -- of each image, the jobs that have it
  IMAGES = P .. ':images_of',   -- of each job that has not ended, as they count in BLOBS
  TENANTS = P .. ':tenant_of',  -- of each job that waits, as it counts in QUEUED
  ENDED = P .. ':ended',        -- numbers of ended jobs by state
}
local HOST_SECONDS = 15      -- three probes; a host that was last reported longer ago gets no jobs

-- The named fields of a hash, as a table by those names; false where one is not set.
local function fields(key, ...)
  local names, values, found = {...}, redis.call('HMGET', key, ...), {}
  for index = 1, #names do found[names[index]] = values[index] end  -- cheaper than ipairs
  return found
end

-- For an answer without a write before it. A master that was demoted a moment ago still has old connections, and may lack
-- what the new master has. It refuses any write, also one that changes nothing, and the client then connects again.
local function confirm_as_master(answer)
  redis.call('HDEL', P .. ':reaper', '-')
  return answer
end
