/**
 * The store's Lua scripts: each runs in Redis as one step that nothing comes between. All of them check before they write, and Redis refuses a
 * script (out of memory, read-only, persistence broken) at its first write or not at all, so none stops half way.
 *
 * What stands in Redis, below the prefix:
 *
 *     doc:COLLECTION:ID    hash     r: revision, v: value, s: score, t: tags (packed)
 *     all:COLLECTION       zset     ids by score
 *     tag:COLLECTION:TAG   zset     ids by score
 *     batch:ID             string   expires with the batch
 *     sequence             counter  of events
 *     events               stream   entry SEQUENCE-0, field v
 *     lease:NAME           string   the holder, expires with the lease
 *
 * The score is the negated sort: zsets order by rising score, then by the bytes of the member, which is the port's order.
 */

/** A script: its text, and how many of its arguments are keys. */
export interface Script {
  readonly lua: string;
  readonly numberOfKeys: number;
}

/**
 * ARGV: prefix; number of batches, then id and expiry (ms since 1970) of each; number of writes, then of each collection, id, expected revision
 * ('' any), 'put' or 'delete', value, score, number of tags, tags; number of events, then each.
 * Returns 'done', 'conflict', or the list of the known batches.
 */
export const COMMIT: Script = {
  numberOfKeys: 0,
  lua: `
local at = 0
local function take() at = at + 1; return ARGV[at] end
local prefix = take()

local batches, known = {}, {}
for i = 1, tonumber(take()) do
  local batch = { key = nil, id = take(), expires = take() }
  batch.key = prefix .. ':batch:' .. batch.id
  batches[i] = batch
  if redis.call('EXISTS', batch.key) == 1 then known[#known + 1] = batch.id end
end
if #known > 0 then return known end

local writes = {}
for i = 1, tonumber(take()) do
  local write = { collection = take(), id = take(), expected = take(), kind = take(), value = take(), score = take(), tags = {} }
  for t = 1, tonumber(take()) do write.tags[t] = take() end
  write.key = prefix .. ':doc:' .. write.collection .. ':' .. write.id
  local old = redis.call('HMGET', write.key, 'r', 's', 't')
  write.revision, write.oldScore, write.oldTags = tonumber(old[1] or '0'), old[2], old[3]
  if write.expected ~= '' and tonumber(write.expected) ~= write.revision then return 'conflict' end
  writes[i] = write
end

for _, write in ipairs(writes) do
  local all = prefix .. ':all:' .. write.collection
  local tag = prefix .. ':tag:' .. write.collection .. ':'
  local tags = cmsgpack.pack(write.tags)
  local isPut = write.kind == 'put'
  local isSameIndex = isPut and write.oldScore == write.score and write.oldTags == tags
  if isPut then redis.call('HSET', write.key, 'r', write.revision + 1, 'v', write.value, 's', write.score, 't', tags) end
  if not isSameIndex then
    if write.oldTags then
      for _, name in ipairs(cmsgpack.unpack(write.oldTags)) do redis.call('ZREM', tag .. name, write.id) end
    end
    if isPut then
      redis.call('ZADD', all, write.score, write.id)
      for _, name in ipairs(write.tags) do redis.call('ZADD', tag .. name, write.score, write.id) end
    elseif write.revision > 0 then
      redis.call('DEL', write.key)
      redis.call('ZREM', all, write.id)
    end
  end
end
for _, batch in ipairs(batches) do redis.call('SET', batch.key, '', 'PXAT', batch.expires) end
for _ = 1, tonumber(take()) do
  redis.call('XADD', prefix .. ':events', redis.call('INCR', prefix .. ':sequence') .. '-0', 'v', take())
end
return 'done'
`,
};

/** ARGV: prefix of the documents, ids. Returns revision and value of each; two nils where there is none. */
export const GET: Script = {
  numberOfKeys: 0,
  lua: `
local found = {}
for i = 2, #ARGV do
  local document = redis.call('HMGET', ARGV[1] .. ARGV[i], 'r', 'v')
  found[#found + 1] = document[1]
  found[#found + 1] = document[2]
end
return found
`,
};

/**
 * KEYS: the zset. ARGV: prefix of the documents, 'forwards' or 'backwards', limit; where it goes on: score and id, or ''.
 * Returns id, score, revision, value of each. The bytes are compared one by one, as Lua's own order of strings follows the locale of Redis.
 */
export const LIST: Script = {
  numberOfKeys: 1,
  lua: `
local index, prefix, isBackwards, limit, score, id = KEYS[1], ARGV[1], ARGV[2] == 'backwards', tonumber(ARGV[3]), ARGV[4], ARGV[5]

local function isAfter(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

-- How many members stand before the cursor, or at it too, in the order of the zset.
local function rankOf(isInclusive)
  local low = redis.call('ZCOUNT', index, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', index, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = redis.call('ZRANGE', index, middle, middle)[1]
    if isAfter(member, id) or (member == id and not isInclusive) then high = middle else low = middle + 1 end
  end
  return low
end

local first, last
if isBackwards then
  last = (score == '' and redis.call('ZCARD', index) or rankOf(false)) - 1
  first = math.max(0, last - limit + 1)
else
  first = score == '' and 0 or rankOf(true)
  last = first + limit - 1
end
if last < first then return {} end

local members = redis.call('ZRANGE', index, first, last, 'WITHSCORES')
local found = {}
for i = 1, #members, 2 do
  local at = isBackwards and #members - i or i
  local document = redis.call('HMGET', prefix .. members[at], 'r', 'v')
  found[#found + 1] = members[at]
  found[#found + 1] = members[at + 1]
  found[#found + 1] = document[1]
  found[#found + 1] = document[2]
end
return found
`,
};

/** KEYS: the stream of events. ARGV: how many to keep, how many to drop at most. Returns how many went. */
export const TRIM: Script = {
  numberOfKeys: 1,
  lua: `
local length = redis.call('XLEN', KEYS[1])
local drop = math.min(tonumber(ARGV[2]), length - tonumber(ARGV[1]))
if drop <= 0 then return 0 end
return redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', length - drop)
`,
};

/** KEYS: the lease. ARGV: holder, milliseconds. Returns 1 if it is the holder's now. */
export const LEASE: Script = {
  numberOfKeys: 1,
  lua: `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`,
};

/** KEYS: the lease. ARGV: holder. */
export const RELEASE: Script = {
  numberOfKeys: 1,
  lua: `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
`,
};
