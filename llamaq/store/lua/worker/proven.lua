-- A worker has heard the first words of an answer: a host whose circuit was half open is well, and gets all that fits.
--
-- ARGV  1 prefix, 2 host
-- Returns  {'OK', circuit}
-- include: keys events queue assignment ending requeue circuit_outcomes
local host = ARGV[2]
record_success(host)
assign(host)
return {'OK', circuit_of(host)}
