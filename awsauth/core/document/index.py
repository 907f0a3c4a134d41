"""Find a principal's entries, and those that differ between two readings.

It does not look at all entries.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeVar

from awsauth.core.document.model import CachedDiff, Key, ParsedList, Positioned
from awsauth.core.findings import Finding
from awsauth.core.text.lines import Unchanged, same_end, same_start

_K = TypeVar("_K")
_V = TypeVar("_V")

SEARCHES: Final = 32  # this many searches through a text take as long as a look at all of its entries
_MOST_NEW: Final = 32  # with more new entries than this, a search is faster


def grouped(pairs: Iterable[tuple[_K, _V]]) -> defaultdict[_K, list[_V]]:
    """Return the values of each key, in order."""
    found: defaultdict[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def findings_by_entry(reading: ParsedList, findings: Sequence[Finding]) -> defaultdict[int, list[Finding]]:
    """Return the findings by their entry's position; -1 for those before all."""
    starts = [entry.shape.start for entry in reading.entries] if findings else []
    offsets = ((finding.location.offset_in(reading.text), finding) for finding in findings if finding.location)
    return grouped((bisect_right(starts, offset) - 1, finding) for offset, finding in offsets)


def mapped_of(reading: ParsedList, principals: Collection[str]) -> Sequence[Positioned]:
    """Return all mappings of `principals`, and perhaps others, with their positions.

    The principals are in lower case.
    """
    if not principals or not (reading.bounds or reading.entries):
        return ()
    if len(principals) > SEARCHES or (reading.bounds and "" in principals):
        return reading.mapped_at(range(len(reading.entries)))
    if len(principals) == 1:
        return _candidates(reading, *principals)
    # An entry that is a candidate for several principals is returned once.
    return sorted(dict(pair for principal in principals for pair in _candidates(reading, principal)).items())


def _candidates(reading: ParsedList, principal: str) -> list[Positioned]:
    known = reading.remembered
    found = known.candidates.get(principal)
    if found is None:
        found = _carried_over(reading, known.compared, principal) if known.compared else None
        if found is None:
            found = reading.mapped_at(_searched(reading, principal))
        known.candidates[principal] = found  # only when complete, because other threads read it
    return found


def _carried_over(reading: ParsedList, compared: CachedDiff, principal: str) -> list[Positioned] | None:
    """Return the candidates from the earlier reading, if it knows them."""
    earlier, old, new = compared.candidates.get(principal), compared.old, compared.new
    if earlier is None or len(new) > _MOST_NEW:
        return None
    shift = new.stop - old.stop
    behind = [(position + shift, mapped) for position, mapped in earlier if position >= old.stop]
    return [*[pair for pair in earlier if pair[0] < old.start], *reading.mapped_at(new), *behind]


def _searched(reading: ParsedList, principal: str) -> list[int]:
    known = reading.remembered
    if not reading.bounds:
        if known.by_principal is None:
            known.by_principal = _by_principal(reading)
        return sorted({*known.by_principal.get(principal, ()), *known.by_principal.get("", ())})
    if not known.folded:
        # One byte for each character, so that offsets are those of the text; only ASCII letters change.
        known.folded = reading.text.encode("ascii", "replace").lower()
    bounds, text, part = reading.bounds, known.folded, principal.encode("ascii", "replace")
    found = []
    offset = text.find(part, bounds[0], bounds[-1])
    while offset >= 0:
        position = bisect_right(bounds, offset) - 1
        found.append(position)
        offset = text.find(part, bounds[position + 1], bounds[-1])
    return found


def _by_principal(reading: ParsedList) -> dict[str, list[int]]:
    """Return the positions by principal in lower case.

    Under an empty text are those of ARNs beyond ASCII and of `sso`.
    """
    named = ((mapped.principal, position) for position, mapped in reading.positioned)
    return dict(grouped((name.lower() if name.isascii() else "", position) for name, position in named))


def differing(before: ParsedList, after: ParsedList, unchanged: Unchanged | None = None) -> CachedDiff:
    """Return the entries that differ between two readings of one key.

    Args:
        before: The earlier reading.
        after: The later reading, which remembers the answer.
        unchanged: The parts that both texts share, if they are known.
    """
    known = after.remembered.compared
    if not known or known.text is not before.text:
        old, new = _differing(before, after, unchanged)
        mappings = [mapped for _, mapped in before.mapped_at(old) + after.mapped_at(new)]
        known = CachedDiff(before.text, before.remembered.candidates, unchanged, old, new, mappings)
        after.remembered.compared = known
    return known


def _differing(before: ParsedList, after: ParsedList, unchanged: Unchanged | None) -> tuple[range, range]:
    old, new = before.entries, after.entries
    old_count, new_count = len(old), len(new)
    if before.text == after.text:
        return range(old_count, old_count), range(new_count, new_count)
    head, tail = _shared(before, after, unchanged) if before.bounds and after.bounds else (0, 0)
    shortest = min(old_count, new_count)
    while head < shortest - tail and old[head].mapped == new[head].mapped:
        head += 1
    while tail < shortest - head and old[old_count - 1 - tail].mapped == new[new_count - 1 - tail].mapped:
        tail += 1
    return range(head, old_count - tail), range(head, new_count - tail)


def _shared(before: ParsedList, after: ParsedList, unchanged: Unchanged | None) -> tuple[int, int]:
    """Return how many entries at each end have the same text in both readings."""
    length = unchanged.start if unchanged else same_start(before.text, after.text)
    heads = min(bisect_right(before.bounds, length), bisect_right(after.bounds, length))
    head = next((n for n in range(heads, max(heads - 3, 0), -1) if before.bounds[:n] == after.bounds[:n]), 1) - 1
    if head == min(len(before.entries), len(after.entries)):
        return head, 0
    shift = len(after.text) - len(before.text)
    length = unchanged.end if unchanged else same_end(before.text, after.text)
    tails = min(len(one.bounds) - bisect_left(one.bounds, len(one.text) - length) for one in (before, after))
    tail = next((n for n in range(tails, max(tails - 3, 0), -1) if _is_shifted(before, after, n, shift)), 1) - 1
    return head, min(tail, len(before.entries) - head, len(after.entries) - head)


def _is_shifted(before: ParsedList, after: ParsedList, count: int, shift: int) -> bool:
    """Whether the last `count` bounds are the same but for the shift."""
    return [bound + shift for bound in before.bounds[-count:]] == after.bounds[-count:]


def kept_under(key: Key, principal: str) -> str:
    """Return the name under which the authenticator stores an entry.

    It keeps the last entry of each name.
    """
    if key == "mapUsers":
        return principal
    if principal.isascii():
        return principal.lower()
    return "".join("i" if c == "\u0130" else c.lower() for c in principal)  # Go replaces one letter by one letter
