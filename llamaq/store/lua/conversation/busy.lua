-- Fragment: what a new turn does to the one before it that has not ended (`when_busy`).
local GIVES_WAY = {interrupt = 'interrupted by the next turn', rollback = 'taken back by the next turn'}

-- The text that the last attempt has written: exactly what its readers were given.
local function said_so_far(id)
  local pieces, before = {}, '+'
  while true do
    local page = redis.call('XREVRANGE', log(id), before, '-', 'COUNT', 500)
    for _, entry in ipairs(page) do
      local kind = string.match(entry[2][2], '^{"v":1,"type":"(%a+)"')
      if kind == 'delta' then
        -- Read, not written again: tool calls would not come out of cjson as they went in, so they are left out.
        local well, event = pcall(cjson.decode, entry[2][2])
        if well and type(event.text) == 'string' then table.insert(pieces, event.text) end
      elseif kind == 'started' then
        page = {}
        break
      end
    end
    if #page == 0 then break end
    before = '(' .. page[#page][1]
  end
  local text = {}
  for index = #pieces, 1, -1 do text[#text + 1] = pieces[index] end
  return table.concat(text)
end

-- Ends the turn `head` for a later one. Interrupted, its question stays in the history, and as much of the answer as was
-- said; taken back, nothing does.
local function give_way(head, how, tenant, name, ttl)
  local reason = GIVES_WAY[how]
  if not head or not reason then return end
  if how == 'interrupt' then
    local messages = {}
    for message in string.gmatch(redis.call('HGET', record(head), 'says') or '', '[^\n]+') do messages[#messages + 1] = message end
    local text = said_so_far(head)
    if text ~= '' then
      messages[#messages + 1] = '{"role":"assistant","content":' .. cjson.encode(text) .. ',"interrupted":true,"job":"' .. head .. '"}'
    end
    keep(tenant, name, ttl, messages)
  end
  cancel(head, '"reason":"' .. reason .. '"', reason)
end
