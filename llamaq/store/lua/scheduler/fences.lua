-- Fragment: takes the fence from a running attempt. Its worker appends events in transactions without a script, which watch
-- the generation of the host (attempt_logs.py): Redis drops a transaction that comes after this.
-- include: keys events progress

-- To be called before each change after which a running attempt may not write. The end that the attempt itself writes needs
-- none: it comes behind all its events, so an entry that comes late has an id that the log refuses (finish.lua).
local function take_fence(host, id)
  redis.call('SET', P .. ':host:' .. host .. ':generation', STAMP .. ' ' .. id)
  flushed.record_progress(id)
end
