"""What is done last, before the component is written with its memory as it then is.

A run gets a copy of that memory page by page, as it writes to them, and what it writes to costs it more than what it does.
Python writes everywhere: it counts references in the objects themselves, and new objects go where old ones were. So what
is there stays as it is (`mark_lasting`), and what is new lies together (`fill_holes`).
"""

import gc
import sys
import types

# The build looks for these words, the other way round: this text is in the component's memory too.
_BACKWARDS = b":reverof tsal taht stcejbo eht era esehT"
# Bytes of memory for which there is a bit among the marks: the allocator's objects begin at multiples of it. (Others are
# part of the program, and immortal.)
_STEP = 8
_CODE = ("co_consts", "co_names", "co_filename", "co_name", "co_qualname", "co_linetable", "co_exceptiontable")
_UNDER_WAY = (types.FrameType, types.CoroutineType, types.GeneratorType)

# Held for good: what is marked must be there still when the component is written.
_marked = []
_marks = bytearray()
_fillers = []


def mark_lasting():
    """Marks every object that there is. The build makes them immortal (PEP 683): nobody counts references to them."""
    global _marks
    waiting = gc.get_objects()
    length = (max(map(id, waiting)) + (1 << 18)) // _STEP // 8
    start = len(_BACKWARDS) + 4
    _marks = bytearray(start + length)
    for place, byte in enumerate(reversed(_BACKWARDS)):
        _marks[place] = byte
    _marks[start - 4 : start] = length.to_bytes(4, "little")
    frame = sys._getframe()
    while frame is not None:
        waiting.append(frame.f_code)
        frame = frame.f_back
    # In parts: a list that grows leaves a hole each time.
    held = []
    while waiting:
        each = waiting.pop()
        at, between = divmod(id(each), _STEP)
        index, bit = start + (at >> 3), 1 << (at & 7)
        if between or index >= len(_marks) or _marks[index] & bit or isinstance(each, _UNDER_WAY):
            continue
        _marks[index] |= bit
        held.append(each)
        if len(held) == 1000:
            _marked.append(tuple(held))
            held.clear()
        if isinstance(each, types.CodeType):
            waiting.extend(getattr(each, name) for name in _CODE)
        else:
            waiting.extend(gc.get_referents(each))
    _marked.append(tuple(held))


def fill_holes():
    """Fills what is free between the objects, so that what a run makes lies in few places."""
    end = max(id(bytes(1 << n)) for n in range(14, 19))
    header = bytes().__sizeof__()
    # The large ones are only in the way meanwhile: a run may have them.
    large = []
    for size in (1 << n for n in range(20, 14, -1)):
        _fill(large, end, lambda: bytes(size - header), 1)
    for size in (1 << 14, 1 << 13, *range(4096, 512, -64)):
        _fill(_fillers, end, lambda: bytes(size - header), 1)
    # Of small ones the allocator takes some from behind before the last hole is filled.
    for size in range(516, header, -8):
        _fill(_fillers, end, lambda: bytes(size - header), 50)
    # The smallest there are.
    _fill(_fillers, end, object, 50)


def _fill(fillers, end, make, most_behind):
    behind = []
    while len(behind) < most_behind:
        filler = make()
        (behind if id(filler) >= end else fillers).append(filler)
