-- Fragment: takes the fence from a running attempt. Its worker appends events in transactions without a script, which watch
-- the generation of the host (attempt_logs.py): Redis drops a transaction that comes after this.
-- include: keys events progress

-- To be called before each change after which a running attempt may not write. Where the attempt itself ends its job
-- (finish.lua), it need not be: the end comes behind all its events, so the log refuses the id of an entry that comes late.
local function take_fence(host, id)
  redis.call('SET', P .. ':host:' .. host .. ':generation', STAMP .. ' ' .. id)
  flushed.record_progress(id)
end
