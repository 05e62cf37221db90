-- Writes the outcome of one line, once.
--
-- Arguments  id, owner
--            number         of the line
--            file           'output' | 'errors'
--            text           the line of that file, with its end
--            input_tokens, output_tokens
--            most_bytes     of that file
-- Answers    OK | KNOWN (the line has its outcome) | FULL (the file would be too long) | LOST
-- include: keys events files batches
local key, number, text = batches.record(given.id), given.number, given.text
if not batches.is_held_by(given.id, given.owner) then return confirm_as_master({'LOST'}) end
local batch = fields(key, 'output', 'errors', given.file .. '_bytes')
for _, name in ipairs({'output', 'errors'}) do
  if redis.call('HEXISTS', files.pieces(batch[name]), number) == 1 then return confirm_as_master({'KNOWN'}) end
end
if tonumber(batch[given.file .. '_bytes']) + #text > tonumber(given.most_bytes) then
  return confirm_as_master({'FULL'})
end
local pieces = files.pieces(batch[given.file])
redis.call('HSET', pieces, number, text)
if redis.call('HLEN', pieces) == 1 then redis.call('EXPIRE', pieces, math.max(1, redis.call('TTL', key))) end
redis.call('HINCRBY', key, given.file .. '_bytes', #text)
redis.call('HINCRBY', key, given.file == 'output' and 'completed' or 'failed', 1)
redis.call('HINCRBY', key, 'input_tokens', given.input_tokens)
redis.call('HINCRBY', key, 'output_tokens', given.output_tokens)
return {'OK'}
