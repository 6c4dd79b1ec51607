/** Lua scripts that read and write a store as a whole; redis-scripts.ts says what stands there. */

/** ARGV: prefix, collection, ids. Returns id, revision, score, value and the tags of each that is there. */
export const ARCHIVE_DOCUMENTS = `
local start = ARGV[1] .. ':doc:' .. ARGV[2] .. ':'
local found = {}
for i = 3, #ARGV do
  local fields = redis.call('HMGET', start .. ARGV[i], 'r', 's', 'v', 't')
  if fields[1] then
    local row = { ARGV[i], fields[1], fields[2], fields[3] }
    for _, tag in ipairs(cmsgpack.unpack(fields[4])) do row[#row + 1] = tag end
    found[#found + 1] = row
  end
end
return found
`;

/** KEYS: batches. Returns when each expires (ms since 1970); below 0: it is gone. PEXPIRETIME came with Redis 7. */
export const ARCHIVE_BATCHES = `
local now = redis.call('TIME')
local found = {}
for i, key in ipairs(KEYS) do
  local at = redis.pcall('PEXPIRETIME', key)
  if type(at) ~= 'number' then
    local left = redis.call('PTTL', key)
    at = left < 0 and left or tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) + left
  end
  found[i] = at
end
return found
`;

/** ARGV: prefix, then things: 'document' and its collection, id, revision, score, value, number of tags, tags; 'batch', id, expiry; 'event', sequence, value. */
export const RESTORE = `
local at = 0
local function take() at = at + 1; return ARGV[at] end
local prefix = take()

local function restoreDocument()
  local collection, id, revision, score, value, tags = take(), take(), take(), take(), take(), {}
  for t = 1, tonumber(take()) do tags[t] = take() end
  local key = prefix .. ':doc:' .. collection .. ':' .. id
  local tag = prefix .. ':tag:' .. collection .. ':'
  local old = redis.call('HGET', key, 't')
  if old then
    for _, name in ipairs(cmsgpack.unpack(old)) do redis.call('ZREM', tag .. name, id) end
  end
  redis.call('HSET', key, 'r', revision, 'v', value, 's', score, 't', cmsgpack.pack(tags))
  redis.call('ZADD', prefix .. ':all:' .. collection, score, id)
  for _, name in ipairs(tags) do redis.call('ZADD', tag .. name, score, id) end
end

while at < #ARGV do
  local kind = take()
  if kind == 'document' then
    restoreDocument()
  elseif kind == 'batch' then
    redis.call('SET', prefix .. ':batch:' .. take(), '', 'PXAT', take())
  else
    local sequence, value = take(), take()
    if tonumber(sequence) > tonumber(redis.call('GET', prefix .. ':sequence') or '0') then
      redis.call('XADD', prefix .. ':events', sequence .. '-0', 'v', value)
      redis.call('SET', prefix .. ':sequence', sequence)
    end
  end
end
return 'done'
`;
