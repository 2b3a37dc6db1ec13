"""One pass over the bytes of a body, compiled: it keeps nothing of them, and does not hold the interpreter's lock."""

import numpy as np

from features.kernels.compiled import entry

__all__ = [
    "BLANKS",
    "EMPTY",
    "EMPTY_ENTRY",
    "FINE",
    "LONG_NUMBER",
    "LONG_TEXT",
    "MEMBERS",
    "NO_OBJECT",
    "OBJECTS",
    "TOO_DEEP",
    "scan",
]

FINE, EMPTY, BLANKS, TOO_DEEP, NO_OBJECT, EMPTY_ENTRY, MEMBERS, OBJECTS, LONG_TEXT, LONG_NUMBER = range(10)

_QUOTE, _BACKSLASH, _MINUS, _ZERO, _NINE = (ord(character) for character in '"\\-09')
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = (ord(character) for character in "[]{}")
_PLAIN, _BLANK, _COLON, _COMMA, _OPEN, _CLOSE, _TEXT = range(7)


def _classes() -> np.ndarray:
    """Say for each byte what it is outside of text; what is not named belongs to a number, to a word, or to no JSON."""
    of = np.full(256, _PLAIN, dtype=np.uint8)
    of[list(b" \t\n\r")] = _BLANK
    for kind, characters in ((_COLON, b":"), (_COMMA, b","), (_OPEN, b"[{"), (_CLOSE, b"]}"), (_TEXT, b'"')):
        of[list(characters)] = kind
    return of


_CLASS = _classes()


@entry(seconds=2)
def scan(
    body: np.ndarray,
    depth_limit: int,
    member_limit: int,
    object_limit: int,
    text_limit: int,
    number_limit: int,
    blank_limit: int,
) -> tuple[int, int]:
    """Find the first place where a body crosses a bound: (problem, byte).

    A body that is no JSON ends the pass where it ends a parser at the latest, as nothing after that would be built.
    """
    is_list = np.zeros(depth_limit + 1, dtype=np.bool_)
    members = np.zeros(depth_limit + 1, dtype=np.int64)  # of the object open at each level
    depth, objects, at, size, is_over = 0, 0, 0, len(body), False
    while at < size:
        kind = _CLASS[body[at]]
        if kind == _BLANK:
            begin = at
            while at < size and _CLASS[body[at]] == _BLANK:
                at += 1
            if at - begin > blank_limit:
                return (EMPTY if at - begin == size else BLANKS), begin
        elif is_over:
            return FINE, at
        elif kind == _COLON:
            at += 1
        elif kind == _COMMA:
            if depth == 0:
                return FINE, at
            members[depth] += 1
            if not is_list[depth] and members[depth] > member_limit:
                return MEMBERS, at
            at += 1
        elif kind == _CLOSE:
            if depth == 0 or is_list[depth] != (body[at] == _CLOSE_LIST):
                return FINE, at
            depth -= 1
            if body[at] == _CLOSE_OBJECT and is_list[depth] and members[depth + 1] == 0:
                return EMPTY_ENTRY, at
            is_over = depth == 0
            at += 1
        elif is_list[depth] and body[at] != _OPEN_OBJECT:
            return NO_OBJECT, at
        elif kind == _OPEN:
            depth += 1
            if depth > depth_limit:
                return TOO_DEEP, at
            is_list[depth], members[depth] = body[at] == _OPEN_LIST, 0
            objects += not is_list[depth]
            if objects > object_limit:
                return OBJECTS, at
            at += 1
        elif kind == _TEXT:
            members[depth] = max(members[depth], 1)  # the first; each comma adds one
            begin = at
            at += 1
            while at < size and body[at] != _QUOTE:
                at += 2 if body[at] == _BACKSLASH else 1
                if at - begin > text_limit + 1:
                    return LONG_TEXT, begin
            at += 1
        else:
            begin = at
            while at < size and _CLASS[body[at]] == _PLAIN:
                at += 1
                if at - begin > number_limit:
                    is_number = body[begin] == _MINUS or _ZERO <= body[begin] <= _NINE
                    return (LONG_NUMBER if is_number else FINE), begin
    return FINE, size
