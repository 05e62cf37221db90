-- Fragment: the turns of a conversation that have not ended, in their order.
-- include: keys

-- The first of them; false where there is none. One whose record somebody deleted will never end, and goes: the others
-- would wait for it for ever.
local function first_turn(key)
  local head = redis.call('LINDEX', key, 0)
  while head and redis.call('EXISTS', record(head)) == 0 do
    redis.call('LREM', key, 1, head)
    head = redis.call('LINDEX', key, 0)
  end
  return head
end
