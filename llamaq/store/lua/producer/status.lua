-- Reads the record of a job, and its position where it waits.
--
-- Arguments  id
--            fields  names of the record's fields to answer, joined by blanks
-- Answers    OK position or '', eta_seconds or '', record (the fields that are set) | MISSING
-- include: keys events queue assignment estimate
local id, names, set = given.id, {}, {}
local job = fields(record(id), 'state', 'model', 'lane', 'lease', 'tenant', 'conversation')
if not job.state then return {'MISSING'} end

-- Jobs ahead of this one; nil once it has a slot.
local function jobs_ahead()
  local ahead = not TERMINAL[job.state] and position(id, job.model, job.lane)
  if ahead or job.state ~= 'queued' or job.lease ~= '' or job.conversation == '' then return ahead end
  return redis.call('ZRANK', turns_key(job.tenant, job.conversation), id)
end

for name in string.gmatch(given.fields, '[^ ]+') do names[#names + 1] = name end
for index, value in ipairs(redis.call('HMGET', record(id), unpack(names))) do
  if value then
    set[#set + 1] = names[index]
    set[#set + 1] = value
  end
end
local ahead = jobs_ahead()
local seconds = ahead and eta(job.model, ahead, recent_forecast(job.model))
return {'OK', 'position', ahead or '', 'eta_seconds', seconds or '', 'record', set}
