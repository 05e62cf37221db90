-- Where a job stands.
--
-- ARGV  1 prefix, 2 id, 3... names of the record's fields
-- Returns  {position or '', eta seconds or '', values of the fields} | {} when there is no such job
-- include: keys events queue assignment estimate
local id, names = ARGV[2], {}
for index = 3, #ARGV do names[#names + 1] = ARGV[index] end
local job = redis.call('HMGET', record(id), 'state', 'model', 'lane', 'lease', 'tenant', 'conversation')
if not job[1] then return {} end
local ahead = not TERMINAL[job[1]] and position(id, job[2], job[3])
if not ahead and job[1] == 'queued' and job[4] == '' and job[6] ~= '' then
  for index, other in ipairs(redis.call('LRANGE', turns_key(job[5], job[6]), 0, -1)) do
    if other == id then ahead = index - 1 end
  end
end
return {ahead or '', ahead and eta(job[2], ahead) or '', redis.call('HMGET', record(id), unpack(names))}
