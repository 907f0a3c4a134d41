"""Waiting: an attempt at once, pauses that stay within their bounds, and no loop that waits in its own way."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

import awsauth
from awsauth.aws.eks import describe_cluster, switch_authentication_mode
from awsauth.aws.session import AwsSession
from awsauth.errors import AwsServiceError, UnavailableError
from awsauth.system import backoff
from awsauth.system.backoff import retry_after, retry_unavailable
from tests.history.test_patience import Time, busy
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake, _Update
from tests.support.timed_backoff import TimedBackoff

PACKAGE = Path(awsauth.__file__).parent


def test_there_is_an_attempt_at_once_and_one_at_the_deadline() -> None:
    time = Time()
    began = time.now
    attempts = [time.now - began for _ in time.patience(10)]
    assert attempts[0] < 0.01
    assert attempts[-1] == pytest.approx(10, abs=0.1)
    assert sorted(attempts) == attempts


def test_without_any_time_there_is_one_attempt() -> None:
    time = Time()
    assert len(list(time.patience(0))) == 1
    assert time.slept == []


@pytest.mark.parametrize("longest", [0.01, 2.0])
def test_no_pause_is_longer_than_the_longest_and_the_first_ones_are_short(longest: float) -> None:
    time = Time()
    attempts = len(list(TimedBackoff(100, longest=longest, clock=time.clock, sleep=time.sleep)))
    assert len(time.slept) == attempts - 1
    assert all(pause <= min(longest, 0.02 * 2 ** min(index, 10)) for index, pause in enumerate(time.slept))
    assert max(time.slept) > longest / 2


def test_attempts_that_share_a_deadline_end_with_it() -> None:
    time = Time()
    waiting = time.patience(10)
    for _ in waiting:
        for _ in waiting:
            pass
    assert time.now < 11
    assert waiting.is_over


def test_the_deadline_is_over_when_it_has_passed_and_not_before() -> None:
    time = Time()
    waiting = time.patience(10)
    assert not waiting.is_over
    time.now = 10.1
    assert waiting.is_over
    assert not waiting.wait()


def test_a_call_is_made_again_while_the_server_cannot_answer_and_no_longer() -> None:
    time = Time()
    errors = [busy(3), busy(4)]

    def call() -> str:
        if errors:
            raise errors.pop(0)
        return "answered"

    assert retry_unavailable(call, time.patience()) == "answered"
    assert 7 <= sum(time.slept) < 8
    errors += [busy(9)] * 9
    with pytest.raises(UnavailableError):
        retry_unavailable(call, time.patience(20))
    assert len(errors) == 6


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, 0), ("", 0), ("7", 7), (" 7 ", 7), ("-7", 0), ("soon", 0), ("9" * 400, float("inf"))]
)
def test_a_header_asks_for_seconds(value: str | None, seconds: float) -> None:
    assert retry_after(value) == seconds


def test_a_header_may_ask_for_a_time() -> None:
    now = datetime.now(timezone.utc)
    assert 50 < retry_after(format_datetime(now + timedelta(minutes=1), usegmt=True)) <= 60
    assert retry_after(format_datetime(now - timedelta(minutes=1), usegmt=True)) == 0


def test_updates_of_a_cluster_that_are_under_way_share_the_time_that_a_switch_may_take(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    time = Time()
    with EksFake() as eks:
        only(monkeypatch, tmp_path, KEYS | eks.environment | {"AWS_REGION": eks.region, "AWS_MAX_ATTEMPTS": "1"})
        updates = eks.add_cluster("prod", certificate_authority="x").updates
        updates |= {name: _Update("VersionUpdate", "1.35", polls_left=1000) for name in ("a", "b", "c")}
        session = AwsSession()
        cluster = describe_cluster(session, "prod")
        monkeypatch.setattr(backoff, "time", SimpleNamespace(monotonic=time.clock, sleep=time.sleep))
        with pytest.raises(AwsServiceError, match="still CONFIG_MAP after 10 seconds"):
            switch_authentication_mode(session, cluster, timeout=10, done=[])
    assert 9 < sum(time.slept) <= 10


def test_nothing_else_in_the_package_sleeps() -> None:
    """Each loop of its own would have its own deadline, and forget the jitter or what the server asks for."""
    found = [
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
        and (getattr(node, "attr", "") or getattr(node, "id", "")) == "sleep"
    ]
    assert set(found) == {"backoff.py"}
