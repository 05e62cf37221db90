-- Reads the record of a job, and its position where it waits.
--
-- Arguments  id
--            fields  names of the record's fields to answer, joined by blanks
--            why     1 to answer why the job waits
-- Answers    OK position or '', eta_seconds or '', record (the fields that are set), why (a word of
--            llamaq/vocabulary/wait_reason.py, or '') | MISSING
-- include: keys events view
local job = view.job(given.id)
if not job then return confirm_as_master({'MISSING'}) end
return {'OK', unpack(view.of(given.id, job, given.fields, given.why == '1'))}
