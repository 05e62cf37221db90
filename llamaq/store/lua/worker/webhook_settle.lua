-- Tells what became of a delivery that was taken.
--
-- ARGV  1 prefix, 2 id, 3 the try that it was, 4 'done' | 'later' | 'dead', 5 seconds until the next try, 6 why it failed,
--       7 the body as it would have been sent, 8 most entries of the dead-letter stream
-- Returns  'OK' | 'STALE' (it took too long, and somebody else has it: nothing is changed)
-- include: keys events webhook
local id, verdict = ARGV[2], ARGV[4]
if redis.call('HGET', delivery_key(id), 'tries') ~= ARGV[3] then return 'STALE' end
if verdict == 'later' then
  redis.call('ZADD', WEBHOOKS, NOW + tonumber(ARGV[5]), id)
  return 'OK'
end
if verdict == 'dead' then
  redis.call('XADD', P .. ':dead', 'MAXLEN', '~', ARGV[8], '*', 'id', id, 'kind', '', 'source', 'webhook', 'message', ARGV[7],
    'reason', ARGV[6])
end
redis.call('DEL', delivery_key(id))
redis.call('ZREM', WEBHOOKS, id)
return 'OK'
