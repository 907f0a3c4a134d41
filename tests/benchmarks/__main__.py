"""``python -m tests.benchmarks [--small] [--no-go] [--docs] [--keep]``: prints Markdown tables of how long changes take.

Times compare within one run only. ``--small`` takes seconds and shows that the benchmark works, not how fast anything is.
``--docs`` also writes the tables into docs/explanation/performance.md, ``--keep`` the figures that the next release is
compared with. Where `aws` is on the PATH, it is measured too.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import awsauth
from tests.benchmarks import figures, reports
from tests.benchmarks.contenders import AWSAUTH, NEWCOMER, PYYAML, WITH_REVISION, Contenders, Keiko, Role, check, mapped
from tests.benchmarks.documents import FORMS, document
from tests.benchmarks.hostile_sizes import HEADS, hostile_rows
from tests.benchmarks.live import live
from tests.benchmarks.measuring import peak_bytes, python_seconds, time_in_rounds
from tests.support.go_programs import NoGoError
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.benchmarks.contenders import Contender


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: By number of entries, how often.
        forms: By number of entries of the documents by which the forms are compared, how often.
        many: By how many entries and changes a transaction of many is measured.
        processes: How often a process is started.
        principals: How many principals a report has.
        hostile: How many characters texts have that were made to take long.
    """

    rounds: dict[int, int]
    forms: dict[int, int]
    many: tuple[int, ...]
    processes: int
    principals: int
    hostile: int


FULL: Final = Size(
    {10: 100, 100: 50, 1_000: 20, 7_000: 7}, {100: 30, 1_000: 10}, (250, 500, 1_000, 2_000), 15, 1_000, 1 << 20
)
SMALL: Final = Size({10: 3, 100: 3}, {20: 2}, (20, 40), 2, 20, 2_000)

PAGE: Final = PROJECT / "docs" / "explanation" / "performance.md"
MARK: Final = "<!-- figures: made by the benchmark -->"
END_MARK: Final = "<!-- end of figures -->"
SAID: Final[list[str]] = []
"""What was printed."""

_SHORT: Final = document(10, 0)

_ONE_CHANGE: Final = """
import sys, awsauth
awsauth.add_role_mapping("arn:aws:iam::111122223333:role/new", username="new", groups=["new"], file=sys.argv[1])
"""


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Time changes to aws-auth.")
    parser.add_argument("--small", action="store_true", help="few rounds, small documents: to see that it works")
    parser.add_argument(
        "--no-go", action="store_true", help="leave out what is built with Go first, which takes minutes"
    )
    parser.add_argument("--docs", action="store_true", help=f"also write the tables into {PAGE.relative_to(PROJECT)}")
    parser.add_argument("--keep", action="store_true", help="keep the figures for comparisons: do so at a release")
    arguments = parser.parse_args()
    if arguments.keep and (arguments.small or arguments.no_go):
        parser.error("--keep needs a full run")
    size = SMALL if arguments.small else FULL
    versions = ", ".join(f"{name} {version(name)}" for name in ("eks-aws-auth", "PyYAML", "ruamel.yaml"))
    # What else runs makes all of it slower, and a process more than a moment in memory.
    load = os.getloadavg()[0]
    busy = f", load {load:.1f} from other work" if load >= 0.5 else ""
    say(
        f"{datetime.now(timezone.utc):%d %B %Y}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs{busy}, "
        f"Python {platform.python_version()}, {versions}. Medians, then the shortest and the longest time."
    )
    with Contenders(with_go=not arguments.no_go) as contenders:
        if contenders.missing:
            say(f"Without keikoproj/aws-auth: {contenders.missing}")
        table(
            "One change in memory: parse, add a role or extend the middle one, write. awsauth also runs its guards and "
            "makes the diff. It runs without a revision, as the others keep none, and with one. Memory is the peak of "
            "Python's objects, as a multiple of the text. ruamel.yaml is left out where it takes seconds.",
            "entries | kB | | add: ms | from, to | extend: ms | from, to | add, times awsauth | memory",
            (
                row
                for entries, rounds in size.rounds.items()
                for row in change_rows(contenders.for_entries(entries), entries, rounds)
            ),
        )
        table(
            "The same for other forms of entries.",
            "entries | form | | add: ms | from, to | extend: ms | from, to | add, extend: times awsauth",
            (
                row
                for entries, rounds in size.forms.items()
                for row in form_rows([AWSAUTH, *contenders.compiled, PYYAML], entries, rounds)
            ),
        )
    table(
        "One transaction with as many changes as there are entries: half of them add a role, half extend one.",
        "entries and changes | ms | ms per change",
        map(many_row, size.many),
    )
    table(
        "One sync in memory, of as many wanted entries as there are entries: nothing changes, or one entry does.",
        "entries | no change: ms | one change: ms",
        map(sync_row, size.many),
    )
    table(
        "A report in memory of many principals, half as many bindings, and a filter on its page: from the key to the layout.",
        reports.HEADS,
        reports.report_rows(size.principals, in_browser=size is FULL),
    )
    table(
        "Texts made to take long, each call once, on a document that was not read before.",
        HEADS,
        hostile_rows(size.hostile),
    )
    table("A new process.", "| ms | from, to", process_rows(size.processes))
    if not arguments.no_go:
        on_a_cluster(size.processes)
    table(
        f"Compared with release {figures.release()}. Each figure is a ratio within its own run.",
        figures.HEADS,
        figures.compared_rows(),
    )
    if arguments.keep:
        figures.keep(awsauth.__version__)
    if arguments.docs:
        write_page()


def on_a_cluster(rounds: int) -> None:
    """Measure changes to a real API server on this machine, where there is one."""
    try:
        with live() as cluster:
            table(
                "An open client and an API server on the same machine: requests of each change, and connections so far.",
                "change | requests | connections | ms",
                cluster.client_rows(),
            )
            table(
                "One change to 100 entries on that API server, by a new process, for two kinds of kubeconfig.",
                "kubeconfig | | ms | from, to",
                cluster.process_rows(max(2, rounds // 3)),
            )
    except (NoGoError, RuntimeError) as error:
        say(f"\nWithout an API server: {str(error).splitlines()[0]}")


def write_page() -> None:
    """Write the printed text between the marks of the page."""
    shown = "\n".join(SAID)
    text = re.sub(
        rf"(?<={MARK}\n).*?(?={END_MARK})", lambda _: f"{shown}\n", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    PAGE.write_text(text, encoding="utf-8")


def change_rows(contenders: Sequence[Contender], entries: int, rounds: int) -> Iterator[str]:
    """Measure all contenders on documents of one size; a row for each."""
    # Each round has a document of its own, so that nothing that was remembered from the round before can help.
    warm_up, traced, *timed = (document(entries, account) for account in range(rounds + 2))
    for role in (NEWCOMER, in_the_middle(warm_up)):
        check(contenders, warm_up, role)
    added = time_in_rounds({one.name: seconds(one, text, NEWCOMER) for one in contenders} for text in timed)
    extended = time_in_rounds(
        {one.name: seconds(one, text, in_the_middle(text)) for one in contenders} for text in timed
    )
    size = len(traced.encode())
    for name, times in (("add", added), ("extend", extended)):
        for measured in (AWSAUTH.name, WITH_REVISION.name):
            figures.note(f"{name}, {entries:,} entries", times, measured, PYYAML.name)
    for one in contenders:
        is_alike = not isinstance(one, Keiko) and one is not WITH_REVISION
        memory = f"{peak_bytes(partial(one.map_role, traced, NEWCOMER)) / size:.1f}" if is_alike else ""
        ratio = f"{added[one.name].median / added[AWSAUTH.name].median:.1f}"
        yield f"{entries:,} | {size / 1000:.1f} | {one.name} | {added[one.name]} | {extended[one.name]} | {ratio} | {memory}"


def form_rows(contenders: Sequence[Contender], entries: int, rounds: int) -> Iterator[str]:
    """Measure by forms; a row for each and contender."""
    for form in FORMS:
        warm_up, *timed = (document(entries, account, form) for account in range(rounds + 1))
        check(contenders, warm_up, NEWCOMER)
        roles = [(text, in_the_middle(text)) for text in timed]
        added = time_in_rounds({one.name: seconds(one, text, NEWCOMER) for one in contenders} for text in timed)
        extended = time_in_rounds({one.name: seconds(one, text, role) for one in contenders} for text, role in roles)
        for one in contenders:
            ratios = (f"{times[one.name].median / times[AWSAUTH.name].median:.1f}" for times in (added, extended))
            cells = (f"{entries:,}", form, one.name, str(added[one.name]), str(extended[one.name]), ", ".join(ratios))
            yield " | ".join(cells)


def sync_row(count: int) -> str:
    """Measure a sync of `count` wanted entries with as many entries; the best of three."""
    same, other = (sync_fragment(count, changed) for changed in (None, count // 2))
    client = awsauth.AwsAuthClient.in_memory({})
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(3):
        client.sync(same)
        for wanted in (same, other):
            began = time.perf_counter()
            changed = client.sync(wanted).changed
            times[changed].append(time.perf_counter() - began)
    return f"{count:,} | {min(times[False]) * 1e3:.0f} | {min(times[True]) * 1e3:.0f}"


def sync_fragment(count: int, changed: int | None) -> awsauth.Fragment:
    """Return a fragment with `count` entries, one of them with another username."""
    arn = "arn:aws:iam::111122223333:role/r"
    names = ["changed" if number == changed else f"user-{number}" for number in range(count)]
    roles = [{"rolearn": f"{arn}{number}", "username": name, "groups": ["g"]} for number, name in enumerate(names)]
    return awsauth.Fragment(owner="a", roles=roles)


def many_row(count: int) -> str:
    """Measure a transaction of `count` changes on as many entries; the best of three."""
    best = min(many_changes(document(count, account), count) for account in range(3))
    return f"{count:,} | {best * 1e3:.0f} | {best * 1e3 / count:.3f}"


def many_changes(text: str, count: int) -> float:
    """Make `count` changes in one transaction, and return how long that took."""
    client = awsauth.AwsAuthClient.in_memory({"mapRoles": text}, author="benchmark")
    roles = [
        Role(f"arn:aws:iam::111122223333:role/new-{number}", f"new-{number}", ("newcomers",))
        if number % 2
        else Role(entry["rolearn"], entry["username"], ("newcomers",))
        for number, entry in enumerate(mapped(text))
    ]
    began = time.perf_counter()
    with client.transaction(history=False) as transaction:
        for role in roles:
            transaction.add_role_mapping(role.arn, username=role.username, groups=role.groups)
    took = time.perf_counter() - began
    assert len(mapped(client.read().data["mapRoles"])) == count + count // 2
    return took


def process_rows(rounds: int) -> Iterator[str]:
    """Measure what starts an interpreter: nothing, an import, a change to a file of 100 entries."""
    text = "".join(f"    {line}\n" for line in document(100, 0).splitlines())
    content = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\n"
        f"data:\n  mapRoles: |\n{text}"
    )
    with tempfile.TemporaryDirectory() as folder:
        # A file for each round: looking through a long history takes time of its own.
        manifests = [Path(folder) / f"aws-auth-{number}.yaml" for number in range(rounds + 1)]
        for manifest in manifests:
            manifest.write_text(content, encoding="utf-8")
        python = partial(python_seconds, str(Path(folder) / "bytecode"), "-c")
        python(_ONE_CHANGE, str(manifests.pop()))
        jobs = (
            {
                '`python -c "pass"`': partial(python, "pass"),
                '`python -c "import awsauth"`': partial(python, "import awsauth"),
                "`add_role_mapping(file=…)`, with its revision": partial(python, _ONE_CHANGE, str(manifest)),
            }
            for manifest in manifests
        )
        taken = time_in_rounds(jobs)
        bare, *others = taken
        for name in others:
            figures.note("a new process", taken, name, bare)
        for name, times in taken.items():
            yield f"{name} | {times}"


def seconds(contender: Contender, text: str, role: Role) -> partial[float]:
    """Return the job that maps the role, and says how long that took."""
    return partial(_seconds, contender, text, role)


def _seconds(contender: Contender, text: str, role: Role) -> float:
    # The one before has filled the processor's caches with what is its own, but not those of a process beside this one:
    # a short change that does not count lets all begin alike.
    contender.map_role(_SHORT, NEWCOMER)
    return contender.map_role(text, role).seconds


def in_the_middle(text: str) -> Role:
    """Return the role of the entry in the middle, with a group more."""
    entries = mapped(text)
    entry = entries[len(entries) // 2]
    return Role(entry["rolearn"], entry["username"], ("auditors",))


def table(title: str, heads: str, rows: Iterable[str]) -> None:
    """Print a table, row by row as they come."""
    say(f"\n{title}\n\n| {heads} |\n|{'---|' * (heads.count('|') + 1)}")
    for row in rows:
        say(f"| {row} |")


def say(line: str) -> None:
    """Print at once: a run takes minutes."""
    SAID.append(line)
    print(line, flush=True)


if __name__ == "__main__":
    main()
