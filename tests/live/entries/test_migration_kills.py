"""The command of a migration is killed (SIGKILL) at one call after the other, while everybody goes on working."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.aws.eks_fake import NoAnswer
from tests.support.migration_story import FARGATE, GIVEN_UP, NODE, TO_API, TO_BOTH, USER, MigrationStory

if TYPE_CHECKING:
    from tests.support.entry_changes import Entries

LATE: Final = 0.6  # seconds until the API server uses a policy

# The command, but that it waits only a little longer than that, and for no token that the API server remembers.
COMMAND: Final = f"""
import awsauth.entries.engine
from awsauth.aws.token import TokenSource
from awsauth.cli import main
awsauth.entries.engine.SETTLES = {LATE * 2}
token = TokenSource.token
TokenSource.token = lambda source, **_: token(source, renew=True)
main()
"""

# Each run ends before or after (True) the next call of an operation; the next run goes on from there.
APPLY: Final = [
    ("UpdateClusterConfig", False),
    ("UpdateClusterConfig", True),
    ("CreateAccessEntry", False),
    ("CreateAccessEntry", True),
    # An administrator gets its entry with a group, then the policy. Then it loses the group.
    ("AssociateAccessPolicy", False),
    ("AssociateAccessPolicy", True),
    ("UpdateAccessEntry", False),
    ("UpdateAccessEntry", True),
    # The caller itself is the last.
    ("AssociateAccessPolicy", False),
    ("UpdateAccessEntry", False),
]


class Killed:
    """Runs a command of the story's migration, and kills it."""

    def __init__(self, story: MigrationStory, *words: str) -> None:
        lost = [word for one in GIVEN_UP for word in ("--accept", one)]
        where = ["--cluster", story.stage.cluster.name, "--region", story.stage.cluster.aws.region]
        self.story = story
        self.words = [sys.executable, "-c", COMMAND, "migrate", *words, "--yes", *lost, *where]

    def run(self) -> str:
        """Run it to its end."""
        done = subprocess.run(self.words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout

    def kill(self, operation: str, *, after: bool) -> None:
        """Kill it before or after the next call of an operation."""
        child = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def kill() -> None:
            os.kill(child.pid, signal.SIGKILL)
            raise NoAnswer

        self.story.entries.once(operation, kill, after=after)
        out, _ = child.communicate()
        assert child.returncode == -signal.SIGKILL, (operation, after, out)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_commands_lock_nobody_out_and_go_on(entries: Entries) -> None:
    story = MigrationStory(entries)
    story.stage.webhook.late = LATE
    apply = Killed(story, "apply", "--allow", TO_BOTH)
    accepted = [word for one in (NODE, FARGATE, USER) for word in ("--accept", f"unproven={one}")]
    finish = Killed(story, "finish", "--allow", TO_API, *accepted)
    with story.working() as wrong:
        for operation, after in APPLY:
            apply.kill(operation, after=after)
        apply.run()
        finish.run()  # takes the mappings out
        finish.kill("UpdateClusterConfig", after=False)
        finish.kill("UpdateClusterConfig", after=True)
        finish.run()
    assert story.stage.shown.authentication_mode == "API"
    assert wrong == Counter(looks=wrong["looks"])
    assert story.names() == story.before
