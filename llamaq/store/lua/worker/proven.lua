-- A worker has heard the first words of an answer: a host whose circuit was half open is well, and gets all that fits.
--
-- ARGV  1 prefix, 2 host
-- Returns  {'OK', circuit}
-- include: keys events waiting slots endings withdraw verdict
local host = ARGV[2]
well(host)
place(host)
return {'OK', circuit_of(host)}
