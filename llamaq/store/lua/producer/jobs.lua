-- Lists jobs that are kept, the newest first: those that a filter lets through, of a bounded number that it looks at.
--
-- Arguments  after_at, after_id  time and id of the job behind which to look, or ''
--            look_at             most jobs to look at
--            most                jobs to answer
--            since, before       bounds of the time of the submit, or ''
--            states              joined by blanks, or ''
--            kind, model, tenant, lane, code (of the error)  or ''
--            fields              names of the record's fields to answer, joined by blanks
-- Answers    OK jobs: for each its id, and what `view.of` says of it; at, id (of the last job that was looked at); more (1
--            where older jobs were not looked at)
-- Invariant: its cost grows with `look_at` and `most` alone. A job whose record cannot be read is left out.
-- include: keys events view
local found, at, last, more = {}, given.after_at, given.after_id, 0
local states = ' ' .. given.states .. ' '
local wanted = {kind = given.kind, tenant = given.tenant, lane = given.lane}

-- The place in the index of the first job to look at.
local function first_place()
  local older_than = given.before ~= '' and given.before or '+inf'
  if last ~= '' then
    local rank = tonumber(redis.call('ZSCORE', JOBS, last) or 0) == tonumber(at) and redis.call('ZRANK', JOBS, last)
    if rank then return redis.call('ZCARD', JOBS) - rank end
    older_than = at  -- it is no longer kept
  end
  return redis.call('ZCOUNT', JOBS, older_than, '+inf')
end

local function code_of(error)
  local ok, decoded = pcall(cjson.decode, error or '')
  return ok and type(decoded) == 'table' and decoded.code
end

local function matches(id, job)
  if given.states ~= '' and not string.find(states, ' ' .. job.state .. ' ', 1, true) then return false end
  for name, value in pairs(wanted) do
    if value ~= '' and job[name] ~= value then return false end
  end
  if given.model ~= '' and (job.target or job.model) ~= given.model then return false end
  return given.code == '' or code_of(redis.call('HGET', record(id), 'error')) == given.code
end

local place = first_place()
local page = redis.call('ZREVRANGE', JOBS, place, place + tonumber(given.look_at) - 1, 'WITHSCORES')
if #page == 2 * tonumber(given.look_at) then more = 1 end
for index = 1, #page, 2 do
  local id, time = page[index], page[index + 1]
  if given.since ~= '' and tonumber(time) < tonumber(given.since) then
    more = 0
    break
  end
  at, last = time, id
  local job = view.job(id)
  if job and not job.damaged and matches(id, job) then
    found[#found + 1] = {'id', id, unpack(view.of(id, job, given.fields, true))}
  end
  if #found == tonumber(given.most) then
    if index + 2 < #page then more = 1 end
    break
  end
end
return confirm_as_master({'OK', 'jobs', found, 'at', at, 'id', last, 'more', more})
