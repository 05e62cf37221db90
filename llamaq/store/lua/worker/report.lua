-- Records a worker's report of its host, and fills the host's free slots.
--
-- Arguments  host, worker
--            slots              per model
--            max_models         that run at a time
--            status             JSON
--            affinity_patience  seconds that a job waits for a load while jobs for the loaded model go first
--            lane_patience      seconds that a lane waits while higher lanes go first
--            loaded             models in memory, joined by blanks
--            models             that the host offers, joined by blanks
--            runners            JSON: `models`, as runners.lua keeps them, and `contexts` of the loaded ones, each by model
--            machine            of an Ollama at a loopback address, or ''
--            version, since     of the worker, and when it started (Unix seconds), or ''
--            webhooks           that the worker sends, by senders.lua
-- Answers    OK pause (of the host: paused, draining or ''), loading (1 while the host loads a model), circuit, refused (1 while the circuit of a model is not closed),
--            trials (the latest jobs in half-open circuits, joined by blanks), sizes (that the host's workers
--            state, where they differ, or ''), machines (from which workers report it, where they tell)
-- include: keys events queue sizes senders repeated_reports
local host, models = given.host, {}
for model in string.gmatch(given.models, '[^ ]+') do models[#models + 1] = model end
local sizes, machines = '', given.machine ~= '' and 1 or 0

-- Writes the times and the size alone.
local function repeat_report()
  stated_size.state(host, given.worker, given.slots, given.max_models, given.machine, given.version, given.since)
  redis.call('HSET', host_key(host), 'seen_at', STAMP, 'slots', given.slots, 'max_models', given.max_models)
end

-- Does all that a report may have to do. `repeats`: what the models are is known.
local function look_at_host(host, models, repeats)
  -- include: assignment ending hosts
  local known = cjson.decode(given.runners)
  if not repeats then
    sizes, machines = stated_size.set(host, given.worker, given.slots, given.max_models, given.machine, given.version, given.since)
    redis.call('HSET', host_key(host), 'status', given.status, 'seen_at', STAMP, 'patience', given.affinity_patience,
      'lane_patience', given.lane_patience)
    redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
    set_models(host, models)
    runners.set(host, known.models)
    set_capabilities(host, given.status)
    redis.call('HDEL', host_key(host), 'offered')  -- its offers are made anew
    repeated.note(host, models)
  end
  loads.reconcile(host, given.loaded, known.contexts)
  record_answer(host)
  assign(host)
  local loading = loads.is_loading(loads.now(host, (loads.usage(host))))
  local trials, refused = {redis.call('HGET', host_key(host), 'trial') or ''}, 0
  for _, entry in pairs(refusals.on(host)) do
    if entry.retry_at then
      refused = 1
      trials[#trials + 1] = entry.trial
    end
  end
  return {'OK', 'pause', pauses.of_host(host) or '', 'loading', loading and 1 or 0, 'circuit', circuit_of(host),
    'refused', refused, 'trials', table.concat(trials, ' '), 'sizes', sizes, 'machines', machines}
end

redis.call('ZADD', HOSTS, NOW, host)
redis.call('ZADD', workers_key(host), NOW, given.worker)
senders.state(given.webhooks)
local known = repeated.known(host)
local repeats = repeated.is_repeat(host, models, known)
if repeats then repeat_report() end
if not repeats or not repeated.is_idle(host, models, known) then return look_at_host(host, models, repeats) end
return {'OK', 'pause', '', 'loading', 0, 'circuit', 'closed', 'refused', 0, 'trials', '', 'sizes', sizes,
  'machines', machines}
