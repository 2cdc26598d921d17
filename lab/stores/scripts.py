"""The scripts that a store runs for a lab. Each is run whole, with nobody else's command in between.

    PREFIX:TENANT:state      hash: position, mark (process:number) and instant of the last commit; the last ordinal given;
                             the last commit that moved the clock; the position at which the ledger was last cleared; a tenant's birth, of the lab
                             itself `tenants`: how often one was made or ended, and `called`: how many there are that calls have made;
                             that one is among these also stands in its own
    PREFIX:TENANT:commits    stream: an entry a commit, its id is `position-0`; w wall, m mark, c commit, k changed keys, each after its length
    PREFIX:TENANT:records    hash: key -> "created.index changed record", the positions of the commits that did so
    PREFIX:TENANT:answers    hash: process -> "number position wall" of its last commit that was taken
    PREFIX:-:tenants         hash: name -> "birth document" of a tenant; its birth is `wall.number`

A position comes with the mark of its commit, where the process knows it. A store that was set back to an older state,
and went on from there, has another commit at that position, and nobody folds its commits over a history that it lost.
A process comes with the birth of its tenant, too: of one that was ended it is told so, and no key of it comes back.

Scripts with a first line are refused as a whole where the store is out of memory (`maxmemory`), and never halfway.
"""

_SINCE = """
local state, commits = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local wall = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number) return string.format('%.0f', number) end

-- The last position, why the commits after one can't be given or '', and the first of these commits.
local function since(after, mark, most, birth)
  local last = redis.call('HMGET', state, 'position', 'mark', 'birth')
  local head = tonumber(last[1] or 0)
  if birth ~= '' and birth ~= last[3] then return head, 'ended', {} end
  if after > head or (after == head and mark ~= '' and mark ~= last[2]) then return head, 'set back', {} end
  if after == head then return head, '', {} end
  local found = redis.call('XRANGE', commits, text(after), '+', 'COUNT', most + 1)
  if found[1] and found[1][1] == text(after) .. '-0' then
    if mark ~= '' and mark ~= found[1][2][4] then return head, 'set back', {} end
    table.remove(found, 1)
  end
  found[most + 1] = nil
  if not found[1] or found[1][1] ~= text(after + 1) .. '-0' then return head, 'trimmed', {} end
  return head, '', found
end
"""

_SYNC = """
local head, why, found = since(tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4]), ARGV[5])
local ordinals = tonumber(ARGV[3])
local last
if ordinals > 0 and why == '' then
  last = redis.call('HINCRBY', state, 'ordinals', ordinals)
else
  last = tonumber(redis.call('HGET', state, 'ordinals') or 0) + ordinals
end
return {head, wall, why, found, last - ordinals + 1}
"""

LOOK_SCRIPT = "#!lua flags=no-writes" + _SINCE + _SYNC
"""What was committed since, without ordinals: a store that is full answers it too. KEYS and ARGV as for `SYNC_SCRIPT`."""

SYNC_SCRIPT = "#!lua" + _SINCE + _SYNC
"""What was committed since, and ordinals.

KEYS state commits; ARGV after, mark or empty, ordinals, most, birth or empty. Gives head, wall, why or empty, entries,
first ordinal.
"""

COMMIT_SCRIPT = (
    "#!lua"
    + _SINCE
    + """
local records, answers = KEYS[3], KEYS[4]
local process, number, after, at = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
local most, kept, remembered = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local moves_clock, clears = ARGV[10] == '1', ARGV[11] == '1'

local function parts(answer) return string.match(answer, '^(%d+) (%d+) (%d+)$') end

local known = redis.call('HGET', answers, process)
if known then
  local taken, position, taken_at = parts(known)
  if taken == number and wall - taken_at < remembered then
    return {tonumber(position), tonumber(taken_at), 'taken'}
  end
end
local head, why, found = since(after, ARGV[4], most, ARGV[13])
local last = redis.call('HMGET', state, 'at', 'swept')
if after ~= head or why ~= '' or at < tonumber(last[1] or 0) then return {head, wall, why, found} end

local position, mark = text(head + 1), process .. ':' .. number
redis.call('XADD', commits, 'MAXLEN', '~', kept, position .. '-0',
  'w', text(wall), 'm', mark, 'c', ARGV[6], 'k', ARGV[12])
redis.call('HSET', state, 'position', position, 'mark', mark, 'at', ARGV[5])
redis.call('HSET', answers, process, number .. ' ' .. position .. ' ' .. text(wall))
if moves_clock then redis.call('HSET', state, 'clock', ARGV[6], 'clock_position', position, 'clock_wall', text(wall)) end
if clears then
  redis.call('UNLINK', records)
  redis.call('HSET', state, 'cleared', position)
end
for place = 14, #ARGV, 2 do
  local key, record = ARGV[place], ARGV[place + 1]
  if record == '' then
    redis.call('HDEL', records, key)
  else
    local old = redis.call('HGET', records, key)
    local created = old and string.match(old, '^%S+') or position .. '.' .. (place - 14) / 2
    redis.call('HSET', records, key, created .. ' ' .. position .. ' ' .. record)
  end
end
-- The answers of processes that are gone: once a minute, for there are few.
if wall - tonumber(last[2] or 0) >= 60000 then
  local all = redis.call('HGETALL', answers)
  for place = 1, #all, 2 do
    local _, _, taken_at = parts(all[place + 1])
    if wall - taken_at >= remembered then redis.call('HDEL', answers, all[place]) end
  end
  redis.call('HSET', state, 'swept', text(wall))
end
return {tonumber(position), wall, 'taken'}
"""
)
"""Take a commit, or say what was committed since.

KEYS state commits records answers; ARGV process, number, after, mark or empty, at, commit, most, kept, remembered,
whether it moves the clock, whether it clears the ledger, the changed keys each after its length, birth or empty, then key
and record (empty: gone) of each that changed.
Gives its position, its wall, `taken`; else head, wall, why or empty, entries.
"""

CHANGES_SCRIPT = (
    "#!lua flags=no-writes"
    + _SINCE
    + """
local records = KEYS[3]
local after = tonumber(ARGV[1])
local head, why, found = since(after, ARGV[2], tonumber(ARGV[3]), ARGV[4])
local changed, given = {}, {}

-- The keys in `3 abc5 defgh`.
local function keys_in(packed)
  local place = 1
  return function()
    if place > #packed then return nil end
    local blank = string.find(packed, ' ', place, true)
    local start = blank + 1
    place = start + tonumber(string.sub(packed, place, blank - 1))
    return string.sub(packed, start, place - 1)
  end
end

for _, entry in ipairs(found) do
  for key in keys_in(entry[2][8]) do
    if not given[key] then
      given[key] = true
      changed[#changed + 1] = key
      changed[#changed + 1] = redis.call('HGET', records, key) or ''
    end
  end
end
local last = redis.call('HMGET', state, 'mark', 'at', 'cleared', 'clock_position', 'clock_wall', 'clock')
return {head, wall, why, after + #found, changed, last}
"""
)
"""The records, as they are, that the commits after a position changed: for who loads while others commit.

KEYS state commits records; ARGV after, mark or empty, most, birth or empty. Gives head, wall, why or empty, the position up to which
this goes, key and value (empty: gone) of each, and of the state mark, at, cleared, and the clock's last commit.
"""

PUBLISH_SCRIPT = """#!lua
if ARGV[2] ~= '' and ARGV[2] ~= redis.call('HGET', KEYS[2], 'birth') then return end
for place = 3, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'line', ARGV[place]) end
"""
"""Publish lines, for a quarter of what a command for each costs the process.

KEYS exchanges state; ARGV kept, birth or empty, then the lines.
"""

MAKE_TENANT_SCRIPT = """#!lua
local tenants, lab, state = KEYS[1], KEYS[2], KEYS[3]
local kept = redis.call('HGET', tenants, ARGV[1])
if kept then return kept end
local count = redis.call('HLEN', tenants)
if count >= tonumber(ARGV[3]) then return count end
local called = ARGV[4] ~= '' and tonumber(redis.call('HGET', lab, 'called') or 0)
if called and called >= tonumber(ARGV[4]) then return called end
local time = redis.call('TIME')
local wall = time[1] * 1000 + math.floor(time[2] / 1000)
local birth = string.format('%.0f.%.0f', wall, redis.call('HINCRBY', lab, 'tenants', 1))
redis.call('HSET', tenants, ARGV[1], birth .. ' ' .. ARGV[2])
redis.call('HSET', state, 'birth', birth)
if called then
  redis.call('HSET', state, 'called', 1)
  redis.call('HINCRBY', lab, 'called', 1)
end
return birth .. ' ' .. ARGV[2]
"""
"""A tenant, made if it isn't there. KEYS tenants, the lab's state, the tenant's state; ARGV name, document, most, most that
calls have made (empty: no call makes it).

Gives its entry; how many there are, in all or made by calls, if there are so many already.
"""

END_TENANT_SCRIPT = """#!lua flags=allow-oom
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'tenants', 1)
if redis.call('HGET', KEYS[3], 'called') then redis.call('HINCRBY', KEYS[2], 'called', -1) end
redis.call('UNLINK', unpack(KEYS, 3))
return 1
"""
"""End a tenant. KEYS tenants, the lab's state, all keys of the tenant, its state first; ARGV name. Gives 0 if there was none."""
