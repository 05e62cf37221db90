-- Fragment: time, and the log of events. Times are from Redis' clock, because those of producers and workers differ.
local TIME = redis.call('TIME')
local NOW = tonumber(TIME[1]) + tonumber(TIME[2]) / 1e6
local STAMP = string.format('%.3f', NOW)
local WIRE = 1  -- as `llamaq.vocabulary.events.WIRE_VERSION`
-- `deleted` is the state of what is kept of a deleted job while its worker still holds the slot.
local TERMINAL = {completed = true, failed = true, cancelled = true, expired = true, deleted = true}

-- Appends and publishes one event. `members` are the JSON members beside the common ones, without braces. Python makes
-- the JSON, because cjson turns an empty list into an object and cuts large integers.
local function append_event(id, kind, attempt, members)
  local body = '{"v":1,"type":"' .. kind .. '","attempt":' .. attempt .. ',"at":' .. STAMP
  body = body .. (members ~= '' and ',' or '') .. members .. '}'
  local cursor = redis.call('XADD', log(id), '*', 'event', body)
  redis.call('PUBLISH', log(id), cursor .. ' ' .. body)
  return cursor
end

-- Gives back what a new stream takes ahead for more entries, 4 kB. A copy takes what it needs.
local function shrink_log(id)
  local draft = P .. ':draft'
  if redis.call('COPY', log(id), draft, 'REPLACE') == 1 then redis.call('RENAME', draft, log(id)) end
end
