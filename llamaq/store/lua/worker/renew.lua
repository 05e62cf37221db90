-- Renews the lease of a running attempt that has nothing to write.
--
-- KEYS  1 record, 2 leases
-- ARGV  1 lease ('<id> <host>'), 2 fence, 3 lease seconds
-- Returns  'OK' | 'CANCELLED' | 'FENCED', as append.lua
local job = redis.call('HMGET', KEYS[1], 'fence', 'state')
if job[1] ~= ARGV[2] then return 'FENCED' end
if job[2] ~= 'running' then return job[2] == 'retrying' and 'FENCED' or 'CANCELLED' end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], 'XX', time[1] + time[2] / 1e6 + ARGV[3], ARGV[1])
return 'OK'
