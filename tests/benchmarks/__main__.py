"""``python -m tests.benchmarks [--small] [--no-go]``: prints Markdown tables of how long changes take, and how much memory.

Times compare within one run only. ``--small`` takes seconds and shows that the benchmark works, not how fast anything is.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import awsauth
from tests.benchmarks.contenders import AWSAUTH, NEWCOMER, PYYAML, Contenders, Keiko, Role, check, mapped
from tests.benchmarks.documents import FORMS, document
from tests.benchmarks.measuring import peak_bytes, python_seconds, time_in_rounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.benchmarks.contenders import Contender


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: By number of entries, how often.
        form_entries: Entries of the documents by which the forms are compared.
        form_rounds: How often that is done.
        many: By how many entries and changes a transaction of many is measured.
        processes: How often a process is started.
    """

    rounds: dict[int, int]
    form_entries: int
    form_rounds: int
    many: tuple[int, ...]
    processes: int


FULL: Final = Size({10: 100, 100: 50, 1_000: 20, 7_000: 7}, 1_000, 10, (250, 500, 1_000, 2_000), 20)
SMALL: Final = Size({10: 3, 100: 3}, 20, 2, (20, 40), 2)

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
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    versions = ", ".join(f"{name} {version(name)}" for name in ("eks-aws-auth", "PyYAML", "ruamel.yaml"))
    say(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {versions}"
    )
    with Contenders(with_go=not arguments.no_go) as contenders:
        if contenders.missing:
            say(f"Without keikoproj/aws-auth: {contenders.missing}")
        table(
            "One change in memory: read, add a role or extend the one in the middle, write. Of awsauth with its guards "
            "and its difference. Memory is the peak of Python's objects, as a multiple of the text.",
            "entries | kB | | add: ms | from, to | extend: ms | from, to | add, times awsauth | memory",
            (
                row
                for entries, rounds in size.rounds.items()
                for row in change_rows(contenders.for_entries(entries), entries, rounds)
            ),
        )
        table(
            f"Add a role to {size.form_entries:,} entries, by the form that they are written in.",
            "form | | ms | from, to | times awsauth",
            form_rows([AWSAUTH, *contenders.compiled, PYYAML], size),
        )
    table(
        "As many changes in one transaction as there are entries: half of them new, half of them extended.",
        "entries and changes | ms | ms per change",
        map(many_row, size.many),
    )
    table("A new process.", "| ms | from, to", process_rows(size.processes))


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
    for one in contenders:
        memory = "" if isinstance(one, Keiko) else f"{peak_bytes(seconds(one, traced, NEWCOMER)) / size:.1f}"
        times = f"{added[one.name].median / added[AWSAUTH.name].median:.1f}"
        yield f"{entries:,} | {size / 1000:.1f} | {one.name} | {added[one.name]} | {extended[one.name]} | {times} | {memory}"


def form_rows(contenders: Sequence[Contender], size: Size) -> Iterator[str]:
    """Measure by forms; a row for each and contender."""
    for form in FORMS:
        warm_up, *timed = (document(size.form_entries, account, form) for account in range(size.form_rounds + 1))
        check(contenders, warm_up, NEWCOMER)
        times = time_in_rounds({one.name: seconds(one, text, NEWCOMER) for one in contenders} for text in timed)
        for one in contenders:
            ratio = times[one.name].median / times[AWSAUTH.name].median
            yield f"{form} | {one.name} | {times[one.name]} | {ratio:.1f}"


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
        for name, times in time_in_rounds(jobs).items():
            yield f"{name} | {times}"


def seconds(contender: Contender, text: str, role: Role) -> partial[float]:
    """Return the job that maps the role, and says how long that took."""
    return partial(_seconds, contender, text, role)


def _seconds(contender: Contender, text: str, role: Role) -> float:
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
    print(line, flush=True)


if __name__ == "__main__":
    main()
