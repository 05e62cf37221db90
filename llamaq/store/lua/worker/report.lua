-- Takes a worker's report of its host, and serves the host if it has free slots.
--
-- ARGV  1 prefix, 2 host, 3 worker, 4 slots per model, 5 models at a time, 6 status JSON,
--       7 seconds of patience with what is not in memory, 8 with a lane that is passed over, 9 models in memory, joined by
--       blanks, 10... models it offers
-- Returns  {'OK', 1 while a model is being loaded there, else 0, the host's circuit, the job on trial or ''}
-- include: keys events queue assignment ending hosts
local host, models = ARGV[2], {}
for index = 10, #ARGV do models[#models + 1] = ARGV[index] end
redis.call('HSET', host_key(host), 'slots', ARGV[4], 'max_models', ARGV[5], 'status', ARGV[6], 'seen_at', STAMP,
  'patience', ARGV[7], 'lane_patience', ARGV[8])
redis.call('ZADD', HOSTS, NOW, host)
redis.call('ZADD', workers_key(host), NOW, ARGV[3])
redis.call('ZREMRANGEBYSCORE', workers_key(host), '-inf', NOW - HOST_SECONDS)
set_models(host, models)
reconcile_loaded(host, ARGV[9])
set_capabilities(host, ARGV[6])
record_answer(host)
assign(host)
return {'OK', is_loading(loaded_now(host, (usage(host)))) and 1 or 0, circuit_of(host), trial_of(host)}
