-- Appends one event of a running attempt, and renews its lease now and then.
--
-- KEYS  1 record, 2 log, 3 leases      (all known beforehand: this is the hot path, so no fragment is carried along)
-- ARGV  1 lease ('<id> <host>'), 2 fence, 3 number of this flush within the attempt, 4 lease seconds or '', 5 event type, 6 attempt, 7 JSON members
-- Returns  'OK' | 'CANCELLED' (stop: the job has ended) | 'FENCED' (stop: a newer attempt has it, or it is gone)
-- The lease is the dearest part (40 % of the script with 64 leases), so the scribe renews it once a second, not each time.
-- Invariant: a flush is written once, also when its answer got lost and it is sent again.
local job = redis.call('HMGET', KEYS[1], 'fence', 'state', 'flush')
if job[1] ~= ARGV[2] then return 'FENCED' end
if job[2] ~= 'running' then return job[2] == 'retrying' and 'FENCED' or 'CANCELLED' end
local time = redis.call('TIME')
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[3], 'XX', time[1] + time[2] / 1e6 + ARGV[4], ARGV[1]) end
local written, number = tonumber(job[3]), tonumber(ARGV[3])
if written >= number then return 'OK' end
if written + 1 < number then return redis.error_reply('GAP: the flush before was not written; send it again first') end
redis.call('HSET', KEYS[1], 'flush', ARGV[3])
local body = string.format('{"v":1,"type":"%s","attempt":%s,"at":%s.%03d,', ARGV[5], ARGV[6], time[1],
  math.floor(time[2] / 1000)) .. ARGV[7] .. '}'
redis.call('PUBLISH', KEYS[2], redis.call('XADD', KEYS[2], '*', 'event', body) .. ' ' .. body)
return 'OK'
