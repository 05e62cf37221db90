-- Fragment: how far a running answer is, also where the record does not tell it yet (flushed.lua).
-- include: keys flushed

-- The pieces of the answer, and when the last one came; then the number of events, and the cursor of the last one. Nothing
-- where the record tells them. An event counts as one piece.
function flushed.progress(id)
  local job = fields(record(id), 'state', 'flush', 'cursor', 'pieces')
  local written, pieces = tonumber(job.flush), tonumber(job.pieces)
  if job.state ~= 'running' or not written or not pieces then return end
  local last, body = flushed.last(log(id))
  local more = flushed.number(job.flush, job.cursor, last) - written
  if more > 0 then return pieces + more, flushed.piece_at(body) or '', written + more, last end
end

-- Before the log gets an entry that is no piece.
function flushed.record_progress(id)
  local pieces, piece_at, written, cursor = flushed.progress(id)
  if pieces then
    redis.call('HSET', record(id), 'pieces', pieces, 'piece_at', piece_at, 'flush', written, 'cursor', cursor)
  end
end
