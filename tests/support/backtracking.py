"""How many steps an expression takes, and the texts that make it take most: the same on every machine.

An expression is run as Python's `re` runs it, by trying alternatives in turn and going back where one fails. The engine
itself does not count its steps, so its parser's tree is turned into instructions that are counted here.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any, Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_compile
    import sre_parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_STEPS: Final = 30_000
"""More than anything takes here on the longest text, and far less than the square of its length."""
_MOST_COPIES: Final = 64
"""How often what is repeated is copied; where more are allowed, any number is."""
_FEW: Final = 8
"""A repetition that allows no more cannot make a text take long."""
_CHARACTERS: Final = "a0 \n-:,.#\"'[]{}<>$*?!&%\\/_+=@|(`~A1T\t\r\x85é\x00"
"""What stands for a class of characters: the first of these that is in it, or any other one."""
_REPEATS: Final = {"MAX_REPEAT", "MIN_REPEAT"}
_COMPILED: Final[dict[tuple[str, int], re.Pattern[str]]] = {}
_SINGLE: Final = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}


class Program:
    """The instructions of an expression.

    Args:
        expression: The expression.
    """

    def __init__(self, expression: re.Pattern[str]) -> None:
        self._flags = expression.flags
        self._tree = _parsed(expression)
        self._state = self._tree.state
        self._code: list[tuple[Any, ...]] = []
        self._loops = 0
        self._add_all(self._tree)
        self._add("match")

    def steps(self, text: str, method: str) -> tuple[int, tuple[int, int] | None]:
        """Run it, and return how many steps that takes, at most `MOST_STEPS`, and the span of the first match.

        Args:
            text: The text.
            method: That of `re.Pattern`: ``match`` and ``fullmatch`` begin at the start of the text, all others at each
                character in turn, and those that find all matches go on behind each.
        """
        taken, position, found = 0, 0, None
        first = method in ("match", "fullmatch", "search")
        while position <= len(text) and taken < MOST_STEPS:
            span, more = self._run(0, text, position, whole=method == "fullmatch", most=MOST_STEPS - taken)
            taken += more
            if span is not None:
                found = found or span
                if first:
                    break
            if method in ("match", "fullmatch"):
                break
            position = max(position + 1, span[1] if span else 0)
        return taken, found

    def _add(self, *instruction: Any) -> int:
        self._code.append(instruction)
        return len(self._code) - 1

    def _add_all(self, items: Any) -> None:
        for item in items:
            self._add_one(item)

    def _add_one(self, item: tuple[Any, Any]) -> None:
        name, value = str(item[0]), item[1]
        if name in _SINGLE or name == "AT":
            self._add("one", _single(self._state, item, self._flags), name != "AT")
        elif name == "SUBPATTERN":
            group, _, _, body = value
            self._add("mark", group, 0)
            self._add_all(body)
            self._add("mark", group, 1)
        elif name == "BRANCH":
            self._branch(value[1])
        elif name in _REPEATS:
            self._repeat(*value, lazy=name == "MIN_REPEAT")
        elif name in ("ASSERT", "ASSERT_NOT"):
            direction, body = value
            back = body.getwidth()[0] if direction < 0 else 0
            self._look(body, back, wanted=name == "ASSERT")
        elif name == "GROUPREF":
            self._add("again", value)
        elif name == "GROUPREF_EXISTS":
            group, yes, no = value
            at = self._add("if", group, 0)
            self._add_all(yes)
            leave = self._add("jump", 0)
            self._code[at] = ("if", group, len(self._code))
            self._add_all(no or [])
            self._code[leave] = ("jump", len(self._code))
        elif name == "FAILURE":
            self._add("fail")
        else:
            raise NotImplementedError(name)

    def _branch(self, alternatives: Sequence[Any]) -> None:
        leaving = []
        for alternative in alternatives[:-1]:
            at = self._add("split", 0, 0)
            self._add_all(alternative)
            leaving.append(self._add("jump", 0))
            self._code[at] = ("split", at + 1, len(self._code))
        self._add_all(alternatives[-1])
        for at in leaving:
            self._code[at] = ("jump", len(self._code))

    def _repeat(self, least: int, most: int, body: Any, *, lazy: bool) -> None:
        for _ in range(min(least, _MOST_COPIES)):
            self._add_all(body)
        if most - least <= _MOST_COPIES:
            leaving = []
            for _ in range(most - least):
                leaving.append(self._add("split", 0, 0))
                self._add_all(body)
            for at in leaving:
                self._code[at] = self._choice(at + 1, len(self._code), lazy=lazy)
            return
        self._loops += 1
        loop = -self._loops  # where its last round began, kept like a group
        at = self._add("split", 0, 0)
        self._add("mark", loop, 0)
        self._add_all(body)
        self._add("moved", loop)
        self._add("jump", at)
        self._code[at] = self._choice(at + 1, len(self._code), lazy=lazy)

    def _choice(self, on: int, out: int, *, lazy: bool) -> tuple[Any, ...]:
        return ("split", out, on) if lazy else ("split", on, out)

    def _look(self, body: Any, back: int, *, wanted: bool) -> None:
        at = self._add("look", back, wanted, 0)
        self._add_all(body)
        self._add("match")
        self._code[at] = ("look", back, wanted, len(self._code))

    def _run(self, at: int, text: str, position: int, *, whole: bool, most: int) -> tuple[tuple[int, int] | None, int]:  # noqa: C901, PLR0912 - an arm for each instruction
        start, taken = position, 0
        marks: dict[tuple[int, int], int] = {}
        waiting: list[tuple[int, int, dict[tuple[int, int], int]]] = []
        code = self._code
        while taken < most:
            taken += 1
            instruction = code[at]
            name, held = instruction[0], True
            at += 1
            if name == "one":
                held = instruction[1].match(text, position) is not None
                position += instruction[2]
            elif name == "split":
                waiting.append((instruction[2], position, marks))
                at = instruction[1]
            elif name == "jump":
                at = instruction[1]
            elif name == "mark":
                if instruction[1] is not None:
                    marks = {**marks, (instruction[1], instruction[2]): position}
            elif name == "moved":
                held = marks[instruction[1], 0] != position
            elif name == "again":
                group = instruction[1]
                held = (group, 1) in marks
                if held:
                    known = text[marks[group, 0] : marks[group, 1]]
                    held = text.startswith(known, position)
                    position += len(known)
            elif name == "if":
                at = at if (instruction[1], 1) in marks else instruction[2]
            elif name == "look":
                _, back, wanted, behind = instruction
                span, more = (None, 0)
                if position >= back:
                    span, more = self._run(at, text, position - back, whole=False, most=most - taken)
                taken += more
                held = (span is not None) is wanted
                at = behind
            elif name == "match":
                held = not whole or position == len(text)
                if held:
                    return (start, position), taken
            else:
                held = False
            if not held:
                if not waiting:
                    return None, taken
                at, position, marks = waiting.pop()
        return None, taken


def hostile(expression: re.Pattern[str], tries: int = 24) -> Iterator[tuple[str, str, str]]:
    """Yield texts that may make it go back often: what stands before a repetition, what is repeated, what comes then.

    Args:
        expression: The expression.
        tries: How many for each of its repetitions.
    """
    tree = _parsed(expression)
    seen = set()
    for path in _repetitions(tree):
        for number in range(tries):
            text = _Sampler(tree.state, expression.flags, Random(f"{path} {number}")).for_change(tree, path)
            if text[1] and text not in seen:
                seen.add(text)
                yield text


def _parsed(expression: re.Pattern[str]) -> Any:
    return sre_parse.parse(expression.pattern, expression.flags & ~re.DEBUG)


def _single(state: Any, item: tuple[Any, Any], flags: int) -> re.Pattern[str]:
    key = (repr(item), flags)
    if key not in _COMPILED:
        _COMPILED[key] = sre_compile.compile(sre_parse.SubPattern(state, [item]), flags)
    return _COMPILED[key]


def _inner(item: tuple[Any, Any]) -> Sequence[Any]:
    """Return the sequences of items in an item."""
    name, value = str(item[0]), item[1]
    if name in _REPEATS:
        return [value[2]]
    if name == "SUBPATTERN":
        return [value[3]]
    if name == "BRANCH":
        return list(value[1])
    if name in ("ASSERT", "ASSERT_NOT"):
        return [value[1]]
    if name == "GROUPREF_EXISTS":
        return [one or [] for one in value[1:]]
    return []


def _repetitions(items: Any, path: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield the ways to all repetitions in a tree: numbers of an item, and of a sequence in it."""
    for number, item in enumerate(items):
        if str(item[0]) in _REPEATS and item[1][1] > _FEW:
            yield (*path, (number, 0))
        for which, body in enumerate(_inner(item)):
            yield from _repetitions(body, (*path, (number, which)))


class _Sampler:
    """Makes texts by chance that match, as far as what it looks ahead or back for lets them."""

    def __init__(self, state: Any, flags: int, random: Random) -> None:
        self._state = state
        self._flags = flags
        self._random = random
        self._groups: dict[int, str] = {}

    def for_change(self, items: Any, path: Sequence[tuple[int, int]]) -> tuple[str, str, str]:
        """Return what stands before the repetition at `path`, what is repeated in it, and what comes then."""
        (number, which), *on = path
        before = self._all(items[:number])
        item = items[number]
        body = _inner(item)[which]
        if str(item[0]) in _REPEATS:
            before += "".join(self._all(body) for _ in range(self._random.randrange(3)))
        if on:
            inner = self.for_change(body, on)
            before, pump, after = before + inner[0], inner[1], inner[2]
        else:
            pump = "".join(self._all(body) for _ in range(self._random.choice((1, 1, 2))))
            after = ""
        if str(item[0]) == "SUBPATTERN" and item[1][0] is not None:
            self._groups[item[1][0]] = pump
        if self._random.random() < 0.7:
            after += self._all(items[number + 1 :])
        return before, pump, after if on else after + self._random.choice(("", "", "\x00", "\n", "\n\n", " "))

    def _all(self, items: Any) -> str:
        return "".join(map(self._one, items))

    def _one(self, item: tuple[Any, Any]) -> str:
        name, value = str(item[0]), item[1]
        if name in _SINGLE:
            return self._random.choice(_characters(_single(self._state, item, self._flags)))
        if name == "SUBPATTERN":
            text = self._all(value[3])
            if value[0] is not None:
                self._groups[value[0]] = text
            return text
        if name == "BRANCH":
            return self._all(self._random.choice(value[1]))
        if name in _REPEATS:
            least, most, body = value
            times = max(least, self._random.randint(0, min(2, most)))
            return "".join(self._all(body) for _ in range(times))
        if name == "GROUPREF":
            return self._groups.get(value, "")
        if name == "GROUPREF_EXISTS":
            return self._all((value[1] if value[0] in self._groups else value[2]) or [])
        return ""


@cache
def _characters(one: re.Pattern[str]) -> str:
    usual = [character for character in _CHARACTERS if one.match(character)]
    return "".join(usual or islice(filter(one.match, map(chr, range(0x10000))), 4))
