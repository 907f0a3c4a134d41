"""Connecting without a cluster: refusals that need none."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from kubernetes.client import ApiClient, Configuration

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError, UnreachableError, UsageError
from tests.support.kubeconfigs import SECRET, both_ways, config, written
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("nothing_around")


@both_ways
def test_a_password_in_the_address_is_never_shown(tmp_path: Path) -> None:
    file = written(tmp_path / "config", config(None, {}, server=f"https://me:{SECRET}@127.0.0.1:1"))
    connection = connecting.from_kubeconfig(path=file)
    assert connection.description == "context it at https://127.0.0.1:1"
    with pytest.raises(UnreachableError, match="cannot be reached") as error:
        connection.transport.get("/api")
    assert SECRET not in f"{error.value}{connection}{connection.transport!r}"


def test_outside_a_pod_there_is_no_service_account() -> None:
    with pytest.raises(KubeconfigError, match="Service host/port is not set"):
        connecting.in_cluster()


def test_a_client_whose_address_may_show_a_password_is_refused() -> None:
    api = ApiClient(Configuration(host=f"https://me:{SECRET}/x@127.0.0.1:1"))
    with pytest.raises(UsageError, match="an `@` behind its host") as caught:
        connecting.from_api_client(api)
    assert SECRET not in str(caught.value)


def test_importing_it_is_cheap() -> None:
    code = "import sys, awsauth.connections.kubernetes; print([n for n in ('kubernetes', 'urllib3', 'boto3', 'yaml') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == "[]\n"
