"""Processes of their own for tests, which begin at once: they are forked off one that has imported everything already."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.system.backoff import Backoff
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.process import BaseProcess

_PRELOADED = [
    "awsauth.cluster_context",
    "awsauth.client",
    "awsauth.connections.kubernetes",
    "awsauth.core.explain.explain",
    "awsauth.core.plan",
    "awsauth.history.log",
    "awsauth.history.rollback",
    "awsauth.stores.cluster",
    "awsauth.stores.file",
    "kubernetes.client",
    "kubernetes.config.kube_config",
    "pytest",
    "tests.support.stopping",
]


def started(target: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Return a process that runs a function of a module, beside this one and never longer."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_patiently, args=(target, *arguments), daemon=True)
    process.start()
    return process


def _patiently(target: Callable[..., object], *arguments: Any) -> None:
    """Run a function whose changes are tried for minutes: on a busy machine, others write again and again meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awsauth.history.commit.Backoff", partial(Backoff, PATIENCE))
        patch.setattr("awsauth.stores.file.LOCKED", PATIENCE)
        target(*arguments)


def ended(process: BaseProcess) -> int:
    """Wait for the end of a process, and return its exit code: minus the signal that ended it, if one did.

    Raises:
        TimeoutError: it goes on; it is ended then.
    """
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"a process was not done within {PATIENCE:.0f} s")
    return process.exitcode


@contextmanager
def all_running(target: Callable[..., object], calls: Iterable[Sequence[Any]]) -> Iterator[list[BaseProcess]]:
    """Run a function in a process for each of some arguments; those that still run in the end are ended."""
    processes: list[BaseProcess] = []
    try:
        processes += [started(target, *arguments) for arguments in calls]
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()
