-- Fragment: whether a worker sends webhooks. Each worker states with its report what it does: 'private' (also to private
-- addresses), 'public' (to public ones alone), 'none' (it has no secret), or '' (it is older than these words).
local senders = {SECONDS = 900}  -- a worker that is replaced, or waits for Redis, is back by then

function senders.key(word) return P .. ':webhook_sender:' .. word end

function senders.state(word)
  if word ~= '' then
    redis.call('SET', senders.key(word), 1, 'EX', word == 'none' and HOST_SECONDS or senders.SECONDS)
  end
end

-- Why no worker would call the URL: 'none' sends webhooks, or 'private' addresses are not called; nil where one would, and
-- where no worker runs that has none: the first one may have.
function senders.lacking(private)
  local function exists(word) return redis.call('EXISTS', senders.key(word)) == 1 end
  if exists('private') then return nil end
  if exists('public') then return private and 'private' or nil end
  return exists('none') and 'none' or nil
end
