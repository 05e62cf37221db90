-- Deletes a job: its record, its log, and the images that no other job or conversation shows. One that has not ended is
-- cancelled first. Of one that runs, what the fence needs is kept until its worker has freed the slot.
--
-- Arguments  id
--            members  JSON members of the event of the cancel ("reason":...)
--            reason   the same as text
-- Answers    OK | MISSING
-- Invariant: sent twice, it has one effect.
-- include: keys events queue assignment ending cancelling
local SLOT_SECONDS = 86400  -- longer than any lease
local id = given.id
local job = fields(record(id), 'state', 'idem', 'images', 'fence', 'host', 'model')
-- One without a state is damaged, and deleted all the same.
if job.state == 'deleted' or not job.state and redis.call('EXISTS', record(id)) == 0 then
  return confirm_as_master({'MISSING'})
end
if not TERMINAL[job.state] then cancel_job(id, given.members, given.reason) end
kept_images.delete(id, job.images or '')
if (job.idem or '') ~= '' and redis.call('GET', job.idem) == id then redis.call('DEL', job.idem) end
local lease = redis.call('HGET', record(id), 'lease')
if lease == 'claimed' then
  redis.call('DEL', record(id), log(id))
  redis.call('HSET', record(id), 'state', 'deleted', 'lease', lease)
  for _, name in ipairs({'fence', 'host', 'model'}) do
    if job[name] then redis.call('HSET', record(id), name, job[name]) end
  end
  redis.call('EXPIRE', record(id), SLOT_SECONDS)
else
  forget_record(id)
end
return {'OK'}
