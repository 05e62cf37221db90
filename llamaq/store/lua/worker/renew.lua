-- Renews the lease of a running attempt that has no events to write.
--
-- KEYS       1 record, 2 leases
-- Arguments  lease ('<id> <host>'), fence, lease_seconds
-- Answers    OK | CANCELLED | FENCED, as append.lua
-- include:
local fence, state = unpack(redis.call('HMGET', KEYS[1], 'fence', 'state'))
if fence ~= given.fence then return 'FENCED' end
if state ~= 'running' then return state == 'retrying' and 'FENCED' or 'CANCELLED' end
local seconds, micros = unpack(redis.call('TIME'))
redis.call('ZADD', KEYS[2], 'XX', seconds + micros / 1e6 + given.lease_seconds, given.lease)
return 'OK'
