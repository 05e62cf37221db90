-- Fragment: the turns of a conversation that have not ended: a sorted set, numbered in the order in which they came.
-- include: keys events
local function about_key(tenant, name) return P .. ':about:' .. tenant .. ':' .. name end

-- The images of conversations. A table, since a script has a limit of locals.
local kept_images = {}

-- Both lists of images (joined by blanks), each image once.
function kept_images.join(list, more)
  for sha in string.gmatch(more, '[^ ]+') do
    if not string.find(list, sha, 1, true) then list = list .. (list == '' and '' or ' ') .. sha end
  end
  return list
end

-- Notes that a job or a conversation (`=<tenant>:<name>`) shows an image for so many seconds. The sorted set of an image has
-- all who show it, by when they no longer do.
function kept_images.note(sha, who, seconds)
  redis.call('ZADD', shown_key(sha), NOW + seconds, who)
  if redis.call('TTL', shown_key(sha)) < seconds then redis.call('EXPIRE', shown_key(sha), seconds) end
end

-- The first of them; false where there is none. A turn whose record was deleted by hand, or that has ended without a word of
-- its conversation, is removed: the others would wait for it for ever.
local function first_turn(key)
  local head = redis.call('ZRANGE', key, 0, 0)[1]
  while head do
    local state = redis.call('HGET', record(head), 'state')
    if state and not TERMINAL[state] then break end
    redis.call('ZREM', key, head)
    head = redis.call('ZRANGE', key, 0, 0)[1]
  end
  return head or false
end

-- Adds a turn behind the others. Returns how many are before it.
local function add_turn(key, id)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', key, (last or 0) + 1, id)
  return redis.call('ZCARD', key) - 1
end
