-- Fragment: what was placed on a host and has not begun waits again, and goes elsewhere where it can.
local function take_back(host)
  for _, id in ipairs(redis.call('HKEYS', slots_key(host))) do
    local job = redis.call('HMGET', record(id), 'lease', 'model')
    if job[1] == 'placed' then
      drop(host, id)
      enter(id)
      place_model(job[2])
    end
  end
end
