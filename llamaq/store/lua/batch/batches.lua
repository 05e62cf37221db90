-- Fragment: batches. A process of the gateway holds a batch by a lease while it works on it: only its owner writes.
-- include: keys events
local batches = {
  OPEN = P .. ':batches',  -- sorted set: batches that have not ended, by the time at which their lease expires
  LOOKS = 10,              -- entries of an index that one call looks at
}

function batches.record(id) return P .. ':{' .. id .. '}:batch' end
function batches.index(tenant) return P .. ':batches:' .. tenant end  -- sorted set: ids by their creation

function batches.is_open(id)
  return redis.call('EXISTS', batches.record(id)) == 1 and redis.call('ZSCORE', batches.OPEN, id)
end

-- Whether the batch is there and held by this owner.
function batches.is_held_by(id, owner)
  return owner ~= '' and redis.call('HGET', batches.record(id), 'owner') == owner
end

-- Those of the batches, joined by blanks, that have not ended.
function batches.open_of(list)
  local found = {}
  for id in string.gmatch(list or '', '[^ ]+') do
    if batches.is_open(id) then found[#found + 1] = id end
  end
  return found
end
