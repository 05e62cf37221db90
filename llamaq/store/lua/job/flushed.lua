-- Fragment: how many events a running attempt has written. Scripts write their number into its record, with the cursor of the
-- last one. A transaction (transaction.py) writes only the log: behind that cursor, the ids of its entries count on.
local flushed = {COUNTS_FROM = 9000000}  -- as in transaction.py

-- The last entry of a log: id, body; nothing where the log is empty.
function flushed.last(log)
  local entry = redis.pcall('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]  -- none where the log is damaged
  if entry then return entry[1], entry[2][2] end
end

-- The number of events, by the record's `flush` and `cursor` and the id of the last entry.
function flushed.number(flush, cursor, last)
  local time, first = string.match(cursor or '', '^(%d+)%-(%d+)$')
  local last_time, number = string.match(last or '', '^(%d+)%-(%d+)$')
  if not time or time ~= last_time then return tonumber(flush) end
  return tonumber(flush) + math.max(number - math.max(first, flushed.COUNTS_FROM), 0)
end

-- When the last piece of the answer came, by the body of the last entry; nil where that is no piece.
function flushed.piece_at(body)
  return string.match(body or '', '^{"v":1,"type":"delta","attempt":%d+,"at":([%d.]+)')
end
