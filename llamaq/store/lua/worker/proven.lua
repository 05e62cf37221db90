-- Records that an answer has begun on a host. This closes the half-open circuit of the host, and of the model there, and
-- the host gets all jobs that fit.
--
-- Arguments  host, id (of the job)
-- Answers    OK circuit
-- include: keys events queue assignment ending requeue circuit_changes
local job = fields(record(given.id), 'model', 'claimed_at')
if job.claimed_at then
  record_success(given.host, job.model, job.claimed_at)
  assign(given.host)
end
return {'OK', 'circuit', circuit_of(given.host)}
