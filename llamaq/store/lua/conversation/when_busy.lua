-- Fragment: what a new turn does to an earlier turn that has not ended (`when_busy`).
local REASONS = {interrupt = 'interrupted by the next turn', rollback = 'taken back by the next turn'}

-- The text that the last attempt has written, as its readers got it.
local function text_so_far(id)
  local pieces, before = {}, '+'
  while true do
    local page = redis.call('XREVRANGE', log(id), before, '-', 'COUNT', 500)
    for _, entry in ipairs(page) do
      local kind = string.match(entry[2][2], '^{"v":%d+,"type":"(%a+)"')
      if kind == 'delta' then
        -- Tool calls are left out, because cjson would change them.
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

-- Cancels the turn `head` for a later one. `interrupt` keeps its question and the answer so far in the history;
-- `rollback` keeps neither.
local function end_previous_turn(head, how, tenant, name, ttl)
  local reason = REASONS[how]
  if not head or not reason then return end
  if how == 'interrupt' then
    local messages = lines(redis.call('HGET', record(head), 'says') or '')
    local text = text_so_far(head)
    if text ~= '' then
      messages[#messages + 1] = '{"role":"assistant","content":' .. cjson.encode(text)
        .. ',"interrupted":true,"job":"' .. head .. '"}'
    end
    append_messages(tenant, name, ttl, messages)
  end
  cancel_job(head, '"reason":"' .. reason .. '"', reason)
end
