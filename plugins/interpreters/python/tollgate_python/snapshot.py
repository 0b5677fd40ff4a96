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
# Bytes of memory for which there is a bit among the marks: no two objects begin in the same.
_STEP = 4
_CODE = ("co_consts", "co_names", "co_filename", "co_name", "co_qualname", "co_linetable", "co_exceptiontable")
_UNDER_WAY = (types.FrameType, types.CoroutineType, types.GeneratorType)

# Held for good: what is marked must be there still when the component is written.
_marked = []
_marks = bytearray()
_fillers = []


def mark_lasting():
    """Marks every object that there is. The build makes them immortal (PEP 683): nobody counts references to them."""
    global _marks
    length = (id(bytes(1 << 20)) + (4 << 20)) // _STEP // 8
    start = len(_BACKWARDS) + 4
    _marks = bytearray(start + length)
    for place, byte in enumerate(reversed(_BACKWARDS)):
        _marks[place] = byte
    _marks[start - 4 : start] = length.to_bytes(4, "little")
    waiting = gc.get_objects()
    frame = sys._getframe()
    while frame is not None:
        waiting.append(frame.f_code)
        frame = frame.f_back
    while waiting:
        each = waiting.pop()
        at = id(each) // _STEP
        index, bit = start + (at >> 3), 1 << (at & 7)
        if index >= len(_marks) or _marks[index] & bit or isinstance(each, _UNDER_WAY):
            continue
        _marks[index] |= bit
        _marked.append(each)
        if isinstance(each, types.CodeType):
            waiting.extend(getattr(each, name) for name in _CODE)
        else:
            waiting.extend(gc.get_referents(each))


def fill_holes():
    """Fills what is free between the objects, so that what a run makes lies in one place behind them."""
    end = id(bytes(2 << 20))
    header = bytes().__sizeof__()
    for size in (*(1 << n for n in range(20, 12, -1)), *range(4096, 512, -64)):
        _fill(end, lambda: bytes(size - header), 1)
    # Of small ones the allocator takes some from behind before the last hole is filled.
    for size in range(516, header, -8):
        _fill(end, lambda: bytes(size - header), 50)
    # The smallest there are.
    _fill(end, object, 50)


def _fill(end, make, most_behind):
    behind = []
    while len(behind) < most_behind:
        filler = make()
        (behind if id(filler) >= end else _fillers).append(filler)
