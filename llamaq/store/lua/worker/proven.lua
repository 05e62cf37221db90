-- Records that an answer has begun on a host: one whose circuit was half open is well, and gets all that fits.
--
-- Arguments  host
-- Answers    OK circuit
-- include: keys events queue assignment ending requeue circuit_changes
record_success(given.host)
assign(given.host)
return {'OK', 'circuit', circuit_of(given.host)}
