-- Fragment: the turns of a conversation that have not ended, in their order.
-- include: keys

-- The first of them; false where there is none. A turn whose record was deleted by hand is removed: it would never end,
-- and the others would wait for it.
local function first_turn(key)
  local head = redis.call('LINDEX', key, 0)
  while head and redis.call('EXISTS', record(head)) == 0 do
    redis.call('LREM', key, 1, head)
    head = redis.call('LINDEX', key, 0)
  end
  return head
end
