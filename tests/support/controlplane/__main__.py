"""Starts a control plane to try things on, with ``examples/aws-auth.yaml`` in it, and keeps it until Ctrl-C.

``python -m tests.support.controlplane``             prints what to set in another terminal, and stays up
``python -m tests.support.controlplane COMMAND...``  runs one command with that set, and ends with its status
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from typing import NoReturn

from tests.support.controlplane.cluster import Cluster
from tests.support.controlplane.plane import ControlPlane
from tests.support.controlplane.programs import programs
from tests.support.controlplane.tryout import ROLE, UNSET, tryout
from tests.support.go_programs import NoGoError
from tests.support.paths import EXAMPLE


def main(command: list[str]) -> int:
    """Run `command`, or until interrupted; return its exit status."""
    for ends in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ends, _interrupt)
    try:
        built = programs()
    except (NoGoError, RuntimeError, OSError) as error:
        sys.stderr.write(f"The control plane cannot be built: {error}\n")
        return 1
    try:
        # Whoever uses it is an EC2 instance that wears a role.
        with ControlPlane(built) as plane, tryout(Cluster(plane, plane.folder)) as environment:
            if command:
                kept = {name: value for name, value in os.environ.items() if name not in UNSET}
                return subprocess.run(command, env=kept | environment, check=False).returncode
            _stay(plane, environment)
    except KeyboardInterrupt:
        return 130
    return 0


def _stay(plane: ControlPlane, environment: dict[str, str]) -> NoReturn:
    sys.stderr.write(
        f"A control plane is up, with {EXAMPLE.name} in it. Its context, and its name as an EKS cluster, is "
        f"{plane.cluster_name}; this machine is an EC2 instance that wears the role {ROLE}. In another terminal:\n\n"
    )
    for name, value in environment.items():
        # The path of the other terminal is its own.
        shown = f"{shlex.quote(value.partition(os.pathsep)[0])}:$PATH" if name == "PATH" else shlex.quote(value)
        print(f"export {name}={shown}")
    print("unset", *UNSET)
    sys.stdout.flush()
    sys.stderr.write("\nCtrl-C ends it.\n")
    while True:
        time.sleep(3600)


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
