-- Fragment: takes the fence from a running attempt. Its worker appends events in transactions without a script, which watch
-- the generation of the host (attempt_logs.py): Redis drops a transaction that comes after this.
-- include: keys events progress

-- To be called before each change after which a running attempt may not write, also before its end.
local function take_fence(host, id)
  redis.call('SET', P .. ':host:' .. host .. ':generation', STAMP .. ' ' .. id)
  local pieces, piece_at, written, cursor = flushed.progress(id)
  if pieces then
    redis.call('HSET', record(id), 'pieces', pieces, 'piece_at', piece_at, 'flush', written, 'cursor', cursor)
  end
end
