-- Appends the events of running attempts, and renews their leases. An attempt may have no event.
--
-- KEYS       1 leases; then of each attempt: record, log
-- Arguments  lease_seconds
--            behind them of each attempt: lease ('<id> <host>'), fence, attempt, renews (1 or 0), pieces (of the answer so
--            far), events (their number); and then of each event: number (of this flush within the attempt), type, members (JSON)
-- Answers    OK jobs (that run in the fleet, or are about to)
--            cursors: of the last event that was written now for each attempt, or ''
--            words: for each attempt OK | CANCELLED (stop: the job has ended) | FENCED (stop: another attempt has the
--            job, or it is gone) | GAP (an event before is missing) | or the error for which its events were not written
-- Invariant: a flush is written once, also when its answer was lost and it is sent again. A damaged record or log is an
-- error of its attempt alone; where Redis takes no writes, the script has that error.
-- Most events of an attempt go by a transaction and not by this script (attempt_logs.py). The keys are passed in, and all
-- attempts go in one call. With 64 leases, renewing the lease takes 40 % of the time, so the event writer renews it once a
-- second.
-- include: flushed
local seconds, micros = unpack(redis.call('TIME'))
local at = string.format('%s.%03d', seconds, math.floor(micros / 1000))
local expires = seconds + micros / 1e6 + given.lease_seconds
local position, words, cursors = 2, {}, {}  -- behind the prefix and `given`
local wrote = false

-- The next values of ARGV.
local function take(count)
  position = position + count
  return unpack(ARGV, position - count + 1, position)
end

local function append(record, log, lease, fence, attempt, renews, pieces, events, from)
  local known, state, flush, cursor = unpack(redis.call('HMGET', record, 'fence', 'state', 'flush', 'cursor'))
  if known ~= fence then return 'FENCED' end
  if state ~= 'running' then return state == 'retrying' and 'FENCED' or 'CANCELLED' end
  if renews == '1' then redis.call('ZADD', KEYS[1], 'XX', expires, lease) end
  local last, last_body = flushed.last(log)
  local written, now_written = flushed.number(flush, cursor, last), ''
  local piece_at = written > tonumber(flush) and flushed.piece_at(last_body)
  for index = from, from + 3 * events - 1, 3 do
    local number = tonumber(ARGV[index])
    if written + 1 < number then return 'GAP' end
    if written < number then
      local body = '{"v":1,"type":"' .. ARGV[index + 1] .. '","attempt":' .. attempt .. ',"at":' .. at .. ','
        .. ARGV[index + 2] .. '}'
      last = redis.call('XADD', log, '*', 'event', body)
      redis.call('HSET', record, 'flush', number, 'cursor', last)
      redis.call('PUBLISH', log, last .. ' ' .. body)
      if ARGV[index + 1] == 'delta' then piece_at = at end
      written, now_written = number, last
    end
  end
  if piece_at then
    redis.call('HSET', record, 'flush', written, 'cursor', last, 'pieces', pieces, 'piece_at', piece_at)
  end
  return 'OK', now_written
end

for index = 2, #KEYS, 2 do
  local lease, fence, attempt, renews, pieces, events = take(6)
  events = tonumber(events)
  local ok, word, cursor = pcall(append, KEYS[index], KEYS[index + 1], lease, fence, attempt, renews, pieces, events,
    position + 1)
  position = position + 3 * events
  if not ok then
    word = tostring(type(word) == 'table' and word.err or word)
    local code = string.match(word, '%f[%w](%u%u%u+)%f[%W]')
    -- From the code on: Redis 6.2 puts the line of the script before it, where clients do not know the error.
    if code and code ~= 'ERR' and code ~= 'WRONGTYPE' then return redis.error_reply(string.match(word, code .. '.*')) end
  end
  wrote = wrote or word == 'OK' and (renews == '1' or cursor ~= '')
  words[#words + 1], cursors[#cursors + 1] = word, ok and cursor or ''
end
if not wrote then redis.call('ZREM', KEYS[1], '-') end  -- as confirm_as_master in keys.lua
return {'OK', 'jobs', redis.call('ZCARD', KEYS[1]), 'words', words, 'cursors', cursors}
