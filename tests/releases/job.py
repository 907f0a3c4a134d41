"""What releases of the kubernetes client and of urllib3 are tried on, in a process of its own.

The argument is a folder of kubeconfigs. Printed, as JSON: the releases, whom the API server takes us for with each of
them, or the error, and what became of a change and a rollback with the one called ``admin``.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import kubernetes
import urllib3
from kubernetes.client import exceptions

from awsauth.client import AwsAuthClient
from awsauth.connections import kubernetes as connecting
from awsauth.connections.kubernetes import Connection, from_api_client, from_kubeconfig
from awsauth.errors import AwsAuthError, KubeconfigError
from awsauth.stores.cluster import ClusterStore


def who(connection: Connection) -> str:
    """Return whom the API server takes us for."""
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return str(connection.transport.post(path, {}, changes=False)["status"]["userInfo"]["username"])


def outcome(file: Path) -> str:
    """Return whom the API server takes us for, or the error."""
    try:
        return who(from_kubeconfig(path=file))
    except AwsAuthError as error:
        return type(error).__name__


def changed(connection: Connection) -> list[Any]:
    """Return the revisions that two changes and a rollback make, and what is mapped then."""
    client = AwsAuthClient(ClusterStore(connection.transport), author="release")
    for name in ("one", "two"):
        arn = f"arn:aws:iam::111122223333:role/{name}"
        client.add_role_mapping(arn, username=name, groups=["some"])
    client.rollback(to=1, exact=True)
    return [[entry.info.number for entry in client.history().entries], [role.username for role in client.read().roles]]


def unmapped(connection: Connection) -> list[str]:
    """Return the exceptions of the release that get out."""
    found = []
    server: Any = connection.transport._server
    kinds = [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, Exception)]
    for kind in kinds:

        def fail(_: Any, kind: type[Exception] = kind) -> None:
            raise kind("text")

        server._api.configuration.refresh_api_key_hook = fail
        try:
            who(connection)
        except KubeconfigError:
            continue
        except Exception:  # noqa: BLE001 - that is the question
            found.append(kind.__name__)
    return found


def main(folder: Path) -> None:
    """Try everything, then also by way of the client where awsauth does without."""
    files = sorted(folder.glob("*.kubeconfig"))
    without_client = {file.stem: outcome(file) for file in files}
    setattr(connecting, "can_serve_kubeconfig", lambda *_: False)  # noqa: B010 - a function is nothing to assign to
    connection = from_kubeconfig(path=folder / "admin.kubeconfig")
    server: Any = connection.transport._server
    result = {
        "releases": {module.__name__: module.__dict__["__version__"] for module in (kubernetes, urllib3)},
        "who without client": without_client,
        "who": {file.stem: outcome(file) for file in files},
        "changed": changed(connection),
        "own client": who(from_api_client(server._api)),
        "unmapped": unmapped(connection),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
