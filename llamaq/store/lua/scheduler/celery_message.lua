-- Fragment: Celery's message for an assigned job, in protocol 2 and as kombu's Redis transport reads it. No other code here
-- writes this form; a change of it belongs into broker_message.py too, which reads it. The message has the job id alone,
-- and it may be lost or doubled: `claim` decides who runs the job.
-- cjson escapes the host. The id and the kind need no escaping: they are letters, digits and ._-
-- include: keys events
local CELERY_MESSAGE =
  '{"body":"[[\\"%s\\"],{},{\\"callbacks\\":null,\\"errbacks\\":null,\\"chain\\":null,\\"chord\\":null}]",'
  .. '"content-encoding":"utf-8","content-type":"application/json","headers":{"lang":"py","task":"llamaq.%s","id":"%s",'
  .. '"root_id":"%s","parent_id":null,"group":null,"argsrepr":"[\'%s\']","kwargsrepr":"{}","origin":"llamaq",'
  .. '"ignore_result":true,"retries":0,"timelimit":[null,null],"eta":null,"expires":null},"properties":{'
  .. '"correlation_id":"%s","reply_to":"","delivery_mode":2,"delivery_info":{"exchange":"","routing_key":%s},'
  .. '"priority":0,"delivery_tag":"%s"}}'

-- LPUSH, as kombu sends: its consumers take from the other end. The queue's plain name is the one for priority 0.
local function send_message(host, id, kind)
  local tag = id .. '@' .. TIME[1] .. '.' .. TIME[2]  -- kombu keys its unacknowledged messages by it, so it is unique
  redis.call('LPUSH', celery_queue(host),
    string.format(CELERY_MESSAGE, id, kind, id, id, id, id, cjson.encode(celery_queue(host)), tag))
end
