"""The Go program in tests/support/go/oracle, which asks the authenticator's own reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.controlplane.programs import FLAGS, MODULE
from tests.support.go_programs import GoProgram, built

if TYPE_CHECKING:
    from pathlib import Path

# With the flags of the control plane, most of it is built when that is.
_ORACLE = GoProgram("oracle", MODULE, "./oracle", FLAGS)


def oracle_binary() -> Path:
    """Return the program, built now if this state of its source has not been built before.

    Raises:
        NoGoError: there is no Go that could build it.
        RuntimeError: it cannot be built.
    """
    (binary,) = built([_ORACLE], "the authenticator's reader to compare with")
    return binary
