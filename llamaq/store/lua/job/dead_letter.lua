-- Fragment: the dead-letter stream.
-- include: keys
local DEAD = P .. ':dead'

-- `most` is roughly how many entries the stream keeps.
local function add_dead_letter(most, id, kind, source, message, reason)
  redis.call('XADD', DEAD, 'MAXLEN', '~', most, '*', 'id', id, 'kind', kind, 'source', source, 'message', message,
    'reason', reason)
end
