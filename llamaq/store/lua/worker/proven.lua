-- Records that an answer has begun on a host. This closes a half-open circuit, and the host gets all jobs that fit.
--
-- Arguments  host
-- Answers    OK circuit
-- include: keys events queue assignment ending requeue circuit_changes
record_success(given.host)
assign(given.host)
return {'OK', 'circuit', circuit_of(given.host)}
