"""The Go program in tests/oracle, which asks the authenticator's own reader."""

from __future__ import annotations

from pathlib import Path

from tests.go_programs import GoProgram

SOURCE = Path(__file__).parent / "oracle"

# Without optimising: a third less work for the compiler, and the program is fast enough.
_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-N -l", "-ldflags=-s -w")
_ORACLE = GoProgram("oracle", SOURCE, ".", _FLAGS)


def oracle_binary() -> Path:
    """Return the program, built now if this state of its source has not been built before.

    Raises:
        NoGoError: there is no Go that could build it.
        RuntimeError: it cannot be built.
    """
    return _ORACLE.built("the authenticator's reader to compare with")
