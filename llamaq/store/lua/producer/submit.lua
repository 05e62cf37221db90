-- Accepts a job: writes its record and its `queued` event, queues it, and assigns it if a slot is free. Several jobs may be
-- in one call: a script makes its functions anew in each call, and that takes as long as a quarter of a job.
--
-- Arguments  id, kind, lane, tenant
--            model                  or the queue of a host job (`:pull`, `:pull@<host>`)
--            request                JSON
--            start_within           seconds or '', from when it may start
--            start_after            seconds before which it does not start, or ''
--            start_at               the same as a time (Unix seconds), or ''
--            conversation           name or ''
--            idempotency_key        the Redis key of the idempotency key or ''
--            images                 their sha256s, joined by blanks
--            max_attempts
--            result_ttl             seconds
--            max_queued             most jobs waiting for the model
--            wait_for_model         1 to wait for a model that no host has
--            metadata               JSON
--            when_busy              what it does to an earlier turn: enqueue, reject, interrupt, rollback
--            messages               that it adds to the conversation, JSON, one a line
--            conversation_ttl       seconds
--            runner                 its load options, as text
--            weight                 of the tenant
--            max_queued_per_tenant  0 for no limit
--            capabilities           that the model must have, joined by blanks
--            target                 the model, where `model` is a host job's queue; else ''
--            notify                 the webhook for its end, as `llamaq.vocabulary.notify.notify_field` makes it, or ''
--            notify_private         1 where its URL has an address that is not public
--            traceparent            W3C's, or ''
--            note                   a text that the producer keeps with the job, or ''
--            more                   how many jobs follow, each with all these arguments; '' or 0 for none
-- Answers    OK | SAME id, kind, request (of the job with this idempotency key) | EXISTS (the id is known)
--            DELETED (its job was deleted, and a worker still holds its slot)
--            FULL retry_after, limit ('model' | 'tenant') | UNKNOWN_MODEL | BLOB_MISSING image
--            UNSUPPORTED capability (that the model lacks on every host), capabilities (those it has)
--            NO_WEBHOOKS lacks (no worker would call the webhook: 'none' sends any, or 'private' addresses are not called)
--            BUSY turn (the id of the job that runs or waits; only with `reject`)
--            of several jobs a list with the answer, or the error, of each
-- Invariant: with every answer but OK nothing changes, but that turns without a record are removed (turn_queue.lua).
-- include: keys events queue fairness estimate model_support
local given, id, model, lane, tenant, conversation  -- of the job that is being accepted
local slow, assigns  -- `assigns`: whether what was done for the job may have freed a slot
-- What holds for other jobs like this one: `depths` are the numbers of jobs that wait for the model, by lane, `waiting` is their
-- sum, and `room` how many more the limits let in. submit_many.lua adds functions.
local many = {}

-- What most submits do not need, where all slots are busy. A script makes all its functions anew in each call; these are
-- most of them, and take Redis half as long as all the rest of a submit, so they are made at their first use.
local function slow_path()
  assigns = true
  if slow then return slow end
  -- include: ending cancelling forecast conversations when_busy unknown_model senders
  slow = {assign_model = assign_model, assign_new = assign_new, unknown_model = unknown_model, current_turn = current_turn, turn_runner = turn_runner,
    lacking_senders = senders.lacking}

  -- Adds the job to the turns of its conversation. Returns how many are ahead.
  function slow.add_turn(turn)
    end_previous_turn(turn, given.when_busy, tenant, conversation, given.conversation_ttl)
    if turn then enqueue_next_turn(id, tenant, conversation) end  -- the record of the earlier turn may have been deleted
    return add_turn(turns_key(tenant, conversation), id)
  end
  return slow
end

function estimates.new_forecast(model)
  slow_path()
  return estimates.new_forecast(model)  -- that of forecast.lua
end

local function same_job()
  local found = given.idempotency_key ~= '' and redis.call('GET', given.idempotency_key)
  return found and redis.call('EXISTS', record(found)) == 1 and found
end

-- The limit that is reached: 'model' or 'tenant'. Turns behind the first of a conversation wait in no queue, but count.
local function limit_reached()
  local behind = conversation ~= '' and math.max(redis.call('ZCARD', turns_key(tenant, conversation)) - 1, 0) or 0
  local scheduled
  many.depths, many.waiting, scheduled = depths(model, lane)
  many.room = tonumber(given.max_queued) - many.waiting - scheduled - behind
  if many.room <= 0 then return 'model' end
  local most = tonumber(given.max_queued_per_tenant)
  if most > 0 then
    many.room = math.min(many.room, most - counted.waiting(tenant) - behind)
  end
  if many.room <= 0 then return 'tenant' end
end

local function missing_image()
  for image in string.gmatch(given.images, '[^ ]+') do
    if redis.call('EXISTS', blob_key(image)) == 0 then return image end
  end
end

-- Whether a model is unknown that no host has.
local function is_unknown()
  -- Before the first host comes, any model may come with it. The host of a host job (which has a `target`) is known or not.
  return (given.target ~= '' or redis.call('EXISTS', HOSTS) == 1) and slow_path().unknown_model(model)
end

-- The answer for a job that is not accepted; nil where it is.
local function refusal(turn)
  local state = redis.call('HGET', record(id), 'state')
  if state then return {state == 'deleted' and 'DELETED' or 'EXISTS'} end
  local same = same_job()
  if same then
    local known = redis.call('HMGET', record(same), 'kind', 'request')
    return {'SAME', 'id', same, 'kind', known[1] or '', 'request', known[2] or ''}
  end
  if turn and given.when_busy == 'reject' then return {'BUSY', 'turn', turn} end
  local limit = limit_reached()
  if limit then return {'FULL', 'retry_after', estimates.retry_after(model), 'limit', limit} end
  local some = redis.call('SRANDMEMBER', model_hosts_key(model), 1)
  if #some == 0 and given.wait_for_model ~= '1' and is_unknown() then return {'UNKNOWN_MODEL'} end
  local lacks, has = lacking_capability(model, given.capabilities, some)
  if lacks then return {'UNSUPPORTED', 'capability', lacks, 'capabilities', has} end
  local lacking = given.notify ~= '' and slow_path().lacking_senders(given.notify_private == '1')
  if lacking then return {'NO_WEBHOOKS', 'lacks', lacking} end
  local image = missing_image()
  if image then return {'BLOB_MISSING', 'image', image} end
end

local function write_record(score, weight, start_by, runner, later)
  redis.call('HSET', record(id), 'v', WIRE, 'state', 'queued', 'kind', given.kind, 'model', model, 'lane', lane,
    'tenant', tenant, 'request', given.request, 'score', score, 'runner', runner,
    'weight', weight, 'submitted_at', STAMP, 'attempt', 0, 'tries', 0, 'fence', '', 'flush', 0, 'lease', '', 'running', 0,
    'max_attempts', given.max_attempts, 'ttl', given.result_ttl, 'conversation', conversation,
    'idem', given.idempotency_key, 'metadata', given.metadata, 'says', given.messages,
    'start_by', start_by)
  if given.wait_for_model == '1' then redis.call('HSET', record(id), 'wait_for_model', 1) end
  -- Where Redis' clock is set back, `delay` is the longest that it still waits: for ever where a time was given.
  if later then
    redis.call('HSET', record(id), 'not_before', string.format('%.6f', later), 'delay',
      given.start_after ~= '' and given.start_after or 1e12)
  end
  for _, optional in ipairs({'target', 'notify', 'traceparent', 'note', 'images'}) do
    if given[optional] ~= '' then redis.call('HSET', record(id), optional, given[optional]) end
  end
end

-- What is written for the job alone; `now` is a number.
local function write_job(score, weight, runner, later, now)
  local start_by = given.start_within ~= '' and (later or now) + tonumber(given.start_within) or ''
  write_record(score, weight, start_by, runner, later)
  if given.idempotency_key ~= '' then redis.call('SET', given.idempotency_key, id) end
  if start_by ~= '' then redis.call('ZADD', STARTS, start_by, id) end
  if given.images == '' then return end
  redis.call('HSET', counted.IMAGES, id, given.images)
  local images = counted.names(given.images)
  counted.add(counted.BLOBS, 1, images)
  for _, image in ipairs(images) do
    redis.call('PERSIST', blob_key(image))
    redis.call('ZADD', shown_key(image), '+inf', id)
    redis.call('PERSIST', shown_key(image))
  end
end

-- Queues the job, or adds it to the turns of its conversation where others are ahead. Returns the number of jobs ahead; nil
-- before its time has come.
local function enqueue_turn(turn, score, runner, later, now)
  local ahead = conversation ~= '' and slow_path().add_turn(turn) or 0
  if ahead > 0 then return not later and ahead or nil end
  if later then
    slow_path()
    return schedule.add(id, {model = model, tenant = tenant, not_before = later})
  end
  enqueue(id, {model = model, lane = lane, score = score, runner = runner, tenant = tenant, submitted_at = now})
  return position(id, model, lane, conversation == '' and many.depths)  -- a turn may have ended another, which waited
end

local function append_queued(ahead, slots)
  local eta = ahead and estimates.eta(model, ahead, slots)
  append_event(id, 'queued', 0, '"position":' .. (ahead or 'null') .. ',"eta_seconds":' .. (eta or 'null'))
end

-- Accepts the job of `given`, which nothing refuses.
local function accept_alone(turn, weight, slots)
  local starts = tonumber(given.start_at) or NOW + (tonumber(given.start_after) or 0)
  local later = starts > NOW and starts or nil
  local now = string.format('%.6f', NOW)  -- redis.call makes the text of a number anew each time
  local virtual = note_jobs(model, lane, 1)
  local score = later and '' or reserve_scores(model, lane, tenant, weight, math.max(slots.count, 1), virtual, 1)[1]
  local runner = conversation ~= '' and slow_path().turn_runner(given.runner, tenant, conversation) or given.runner
  write_job(score, weight, runner, later, NOW)
  redis.call('ZADD', JOBS, now, id)
  -- Where nothing waits, a job is not queued and taken out again: that would be a third of what Redis does for it.
  local idle = slots.idle > 0 and conversation == '' and not later and given.target == ''
  local goes_first = idle and many.waiting == 0 and not is_any_waiting()
  local ahead = 0
  if not goes_first then ahead = enqueue_turn(turn, score, runner, later, now) end
  append_queued(ahead, slots)
  local placed = goes_first and slow_path().assign_new({id = id, v = WIRE, kind = given.kind, state = 'queued', model = model,
    lane = lane, score = score, runner = runner, tenant = tenant, start_by = '', attempt = '0'})
  if goes_first and not placed then
    enqueue_turn(turn, score, runner, later, now)
  -- A host can take the job where one has a free slot for it (`idle`). Any host can take a host job, which has a `target`.
  elseif not goes_first and (assigns or slots.idle > 0 or given.target ~= '') then
    slow_path().assign_model(model)
  end
  if not placed and (not assigns or redis.call('HGET', record(id), 'lease') == '') then shrink_log(id) end  -- it waits
end

-- Accepts a job, with those behind it that are like it, and returns the answer.
local function accept(job)
  given, assigns = job, false
  id, model, lane, tenant, conversation = given.id, given.model, given.lane, given.tenant, given.conversation
  local turn = conversation ~= '' and slow_path().current_turn(tenant, conversation)
  local refused = refusal(turn)
  if refused then return confirm_as_master(refused) end

  -- A weight of 0 or NaN would make the virtual time of the lane useless.
  local weight, slots = math.max(0.001, math.min(1000, tonumber(given.weight) or 1)), estimates.forecast(model)
  local number = many.accept and slots.idle == 0 and not assigns and many.following() or 0
  if number > 0 then many.accept(number + 1, weight, slots) else accept_alone(turn, weight, slots) end
  return {'OK'}
end

given = given_of(0)
if (tonumber(given.more) or 0) == 0 then return accept(given) end

-- include: submit_many
return many.accept_all(given, tonumber(given.more))
