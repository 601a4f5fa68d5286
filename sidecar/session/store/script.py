"""The rules of a slot in Lua, as Redis runs them: in one step, and by its own clock. `slot.py` says the same in Python.

Pure. A slot is one hash, so that a Cluster keeps it in one place; it is gone when nothing in it is of use any more.
What is asked for comes as an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.session.store.store import Found, Garbled

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOT: Final = """
local key, channel, op = KEYS[1], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local names = {'fence', 'holder', 'held_until', 'entry', 'entry_fence', 'at', 'until'}
local kind = redis.call('TYPE', key)['ok']
if kind ~= 'none' and kind ~= 'hash' then return {'garbled'} end
local got, slot = redis.call('HMGET', key, unpack(names)), {}
for i, name in ipairs(names) do slot[name] = got[i] end
for _, name in ipairs({'fence', 'held_until', 'entry_fence', 'at', 'until'}) do
  local number = tonumber(slot[name] or 0)
  if number == nil or number ~= number or number < 0 or number > 9e15 then return {'garbled'} end
  slot[name] = number
end
slot.holder, slot.entry = slot.holder or '', slot.entry or ''

local function put(...)
  local given = {...}
  for i = 1, #given, 2 do
    slot[given[i]] = given[i + 1]
    local text = given[i + 1]
    if type(text) == 'number' then text = string.format('%.0f', text) end
    redis.call('HSET', key, given[i], text)
  end
  redis.call('PEXPIREAT', key, string.format('%.0f', math.max(slot.held_until, slot['until'], now + 1)))
end

local function found(lease)
  local held = 0
  if slot.holder ~= '' then held = math.max(0, slot.held_until - now) end
  if slot.entry == '' or now >= slot['until'] then return {'', 0, 0, held, lease} end
  return {slot.entry, slot.entry_fence, math.max(0, now - slot.at), held, lease}
end

if op == 'read' then return found(0) end

local holder = ARGV[3]
if op == 'take' then
  if slot.holder ~= '' and slot.holder ~= holder and slot.held_until > now then return found(0) end
  put('fence', math.max(slot.fence + 1, now), 'holder', holder, 'held_until', now + ARGV[4])
  return found(slot.fence)
end

local holds = slot.holder == holder and slot.fence == tonumber(ARGV[4])
if op == 'renew' then
  if holds then put('held_until', now + ARGV[5]) end
  return holds and 1 or 0
end
if op == 'release' then
  if holds then put('holder', '', 'held_until', 0) end
  redis.call('PUBLISH', channel, '')
  return 1
end
if slot.entry_fence > tonumber(ARGV[4]) then return 0 end
if holds then put('holder', '', 'held_until', 0) end
put('entry', ARGV[6], 'entry_fence', tonumber(ARGV[4]), 'at', now, 'until', now + ARGV[5])
redis.call('PUBLISH', channel, '')
return 1
"""


def found(reply: object) -> Found:
    """Return the slot that the script replied with. Raises Garbled."""
    entry, fence, age, held_for, lease = _list(reply, 5)
    if not isinstance(entry, bytes):
        raise Garbled(_NONSENSE)
    return Found(
        entry=entry, fence=_int(fence), age=_int(age) / 1000, held_for=_int(held_for) / 1000, lease=_int(lease)
    )


def done(reply: object) -> bool:
    """Return the script's yes or no. Raises Garbled."""
    if isinstance(reply, list):
        raise Garbled(_NONSENSE)
    return reply == 1


_NONSENSE: Final = "its lease or fence makes no sense"


def _list(reply: object, length: int) -> Sequence[object]:
    if not isinstance(reply, list) or len(reply) != length:
        raise Garbled(_NONSENSE)
    return reply


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise Garbled(_NONSENSE)
    return value
