-- Appends one event of a running attempt, and renews its lease now and then.
--
-- KEYS       1 record, 2 log, 3 leases
-- Arguments  lease ('<id> <host>'), fence
--            number         of this flush within the attempt
--            lease_seconds  '' leaves the lease as it is
--            type, attempt
--            members        JSON members of the event
-- Answers    OK | CANCELLED (stop: the job has ended) | FENCED (stop: another attempt has the job, or it is gone)
-- Invariant: a flush is written once, also when its answer was lost and it is sent again.
-- This is the hot path, so the keys are passed in and no fragment is included. With 64 leases, renewing the lease takes
-- 40 % of the time, so the event writer renews it once a second.
-- include:
local fence, state, flush = unpack(redis.call('HMGET', KEYS[1], 'fence', 'state', 'flush'))
if fence ~= given.fence then return 'FENCED' end
if state ~= 'running' then return state == 'retrying' and 'FENCED' or 'CANCELLED' end
local seconds, micros = unpack(redis.call('TIME'))
if given.lease_seconds ~= '' then
  redis.call('ZADD', KEYS[3], 'XX', seconds + micros / 1e6 + given.lease_seconds, given.lease)
end
local written, number = tonumber(flush), tonumber(given.number)
if written >= number then return 'OK' end
if written + 1 < number then return redis.error_reply('GAP: the flush before was not written; send it again first') end
redis.call('HSET', KEYS[1], 'flush', given.number)
local body = string.format('{"v":1,"type":"%s","attempt":%s,"at":%s.%03d,', given.type, given.attempt, seconds,
  math.floor(micros / 1000)) .. given.members .. '}'
redis.call('PUBLISH', KEYS[2], redis.call('XADD', KEYS[2], '*', 'event', body) .. ' ' .. body)
return 'OK'
