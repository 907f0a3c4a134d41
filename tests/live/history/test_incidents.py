"""Each way in which ``aws-auth`` breaks, on a cluster and in a file: one command restores it.

``AWSAUTH_REGENERATE=1 pytest tests/live/history/test_incidents.py`` writes the table in the documentation anew.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureRole, ReplaceText
from awsauth.core.manifest.manifest import Manifest
from tests.support.command_line import manifest_in, run
from tests.support.pages import check_part
from tests.support.paths import PROJECT
from tests.support.rbac_manifests import EDITOR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.command_line import Done
    from tests.support.controlplane.cluster import Cluster

PAGE: Final = PROJECT / "docs" / "reference" / "incidents.md"
ROLE: Final = "arn:aws:iam::111122223333:role/"
OLD: Final = f"""- rolearn: {ROLE}node
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: {ROLE}boss  # on call
  username: boss
  groups: [system:masters]
"""
CI: Final = f"- rolearn: {ROLE}ci\n  username: ci\n  groups: [ci]\n"
ALLOWED: Final = ["last-admin", "node-mapping", "own-access", "unreadable"]


@dataclass
class Place:
    """An ``aws-auth``, its user's options on the command line, and the hands of others."""

    name: str
    options: tuple[str, ...]
    read: Callable[[], Mapping[str, str]]
    edit: Callable[[str], object]
    """Another tool writes mapRoles and leaves the rest of the object as it is."""
    replace: Callable[[str], object]
    """Another tool puts a whole object in the place of this one."""
    restore: Callable[[], object]
    """Another user goes back to the first state without awsauth."""
    delete: Callable[[], object]
    other: AwsAuthClient
    """Another user of awsauth."""

    def awsauth(self, *words: str) -> Done:
        return run(*words, *self.options)

    def add(self, name: str) -> None:
        done = self.awsauth("add", "role", ROLE + name, "--username", name, "--group", name, "-y")
        assert done.code == 0, done


def on_cluster(cluster: Cluster, _folder: Path) -> Place:
    def edit(text: str) -> None:
        patch = json.dumps({"data": {"mapRoles": text}})
        cluster.kubectl("-n", "kube-system", "patch", "configmap", "aws-auth", "--type=merge", "-p", patch)

    def restore() -> None:
        kept = cluster.kubectl("-n", "kube-system", "get", "controllerrevision", "aws-auth-1", "-o", "jsonpath={.data}")
        cluster.kubectl("replace", "--validate=false", "-f", "-", input=kept.stdout)

    rules = [
        {
            "apiGroups": [rule.group],
            "resources": [rule.resource],
            "verbs": [rule.verb],
            **({"resourceNames": [rule.name]} if rule.name else {}),
        }
        for rule in EDITOR
    ]
    cluster.put_aws_auth({"mapRoles": OLD})
    return Place(
        "cluster",
        ("--kubeconfig", str(cluster.kubeconfig)),
        lambda: (cluster.aws_auth() or {}).get("data", {}),
        edit,
        lambda text: cluster.put_aws_auth({"mapRoles": text}),
        restore,
        cluster.delete_aws_auth,
        AwsAuthClient.from_kubeconfig(path=cluster.user(rules).kubeconfig),
    )


def in_file(_cluster: Cluster, folder: Path) -> Place:
    path = manifest_in(folder, mapRoles=OLD)
    empty = path.read_text()

    def edit(text: str) -> None:
        path.write_text(Manifest.parse(path.read_text()).with_data({"mapRoles": text}))

    def replace(text: str) -> None:
        path.write_text("# by another tool\n" + Manifest.parse(empty).with_data({"mapRoles": text}))

    return Place(
        "file",
        ("--file", str(path)),
        lambda: Manifest.parse(path.read_text()).data,
        edit,
        replace,
        lambda: path.write_text(empty),
        path.unlink,
        AwsAuthClient.from_file(path, author="pipeline"),
    )


def wiped_twice(place: Place) -> None:
    place.replace(OLD)
    assert restored(place, "rollback").code == 0
    place.add("ng2")
    place.replace(OLD)


def emptied(place: Place) -> None:
    place.edit("[]\n")


def wiped_by_a_pipeline(place: Place) -> None:
    place.other.apply(ReplaceText(key="mapRoles", text="[]\n"), allow=ALLOWED)


def wrong_administrator(place: Place) -> None:
    place.other.apply(EnsureRole(role_arn=f"{ROLE}bad", username="bad", groups=["system:masters"]))


INCIDENTS: Final[dict[str, Callable[[Place], object]]] = {
    "A tool writes an old text into the object (`kubectl patch`, `kubectl apply`)": lambda place: place.edit(OLD),
    "A tool replaces the object with an old manifest (`kubectl replace`)": lambda place: place.replace(OLD),
    "A tool removes a mapping, as EKS does when a node group is deleted": lambda place: place.edit(
        OLD[OLD.index("- rolearn: " + ROLE + "boss") :] + CI
    ),
    "A pipeline of another team empties the map with awsauth": wiped_by_a_pipeline,
    "Another user adds a wrong administrator with awsauth": wrong_administrator,
    "The object, or the file, is deleted": lambda place: place.delete(),
    "A tool writes YAML that cannot be read": lambda place: place.edit("- rolearn: [\n"),
    "The same old manifest replaces the object a second time": wiped_twice,
    "Another user restores an earlier revision with kubectl, or the file from git": lambda place: place.restore(),
}
"""What happens after awsauth has recorded a baseline and made a change."""

FIRST: Final = "The first change ever is another tool's, after `awsauth snapshot`"


def restored(place: Place, *words: str) -> Done:
    """Run the command without a terminal and, where a revision has to be named, the one that its error prints."""
    done = place.awsauth(*words, "-y")
    if done.code == 0:
        return done
    printed = [line for line in done.err.splitlines() if line.startswith("  awsauth rollback ")]
    assert len(printed) == 1, done
    return run(*shlex.split(printed[0])[1:])


def played(make: Callable[[Cluster, Path], Place], cluster: Cluster, folder: Path) -> dict[str, str]:
    """Play every incident, and return by its name the command that restored the state before it."""
    shown = {}
    for number, (name, happens) in enumerate([*INCIDENTS.items(), (FIRST, emptied)]):
        begin_anew(cluster)
        own = folder / str(number)
        own.mkdir()
        place = make(cluster, own)
        if name == FIRST:
            assert place.awsauth("snapshot").code == 0
        else:
            place.add("ci")
        good = place.read()
        happens(place)
        if happens is wiped_twice:
            good = {"mapRoles": good["mapRoles"] + CI.replace("ci", "ng2").replace("[ng2]", "\n  - ng2")}
        asks = place.awsauth("rollback", "--dry-run").code not in (0, 1)
        done = restored(place, "rollback")
        assert done.code == 0, (name, place.name, done)
        assert Document(place.read()).roles == Document(good).roles, (name, place.name)
        if happens is not wiped_twice:
            assert place.read() == good, (name, place.name)
        again = place.awsauth("history", "-o", "json")
        assert json.loads(again.out)["revisions"][0]["live"]
        shown[name] = "`awsauth rollback --to N`" if asks else "`awsauth rollback`"
    return shown


def begin_anew(cluster: Cluster) -> None:
    if cluster.aws_auth():
        cluster.delete_aws_auth()
    cluster.api.must("DELETE", "/apis/apps/v1/namespaces/kube-system/controllerrevisions")


def test_every_incident_takes_one_command(cluster: Cluster, tmp_path: Path) -> None:
    columns = []
    for make in (on_cluster, in_file):
        folder = tmp_path / make.__name__
        folder.mkdir()
        columns.append(played(make, cluster, folder))
    rows = [f"| {name} | {columns[0][name]} | {columns[1][name]} |" for name in columns[0]]
    check_part(PAGE, "table", "\n".join(["| incident | on a cluster | in a file |", "|---|---|---|", *rows]))
