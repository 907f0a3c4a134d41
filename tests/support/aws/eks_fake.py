"""EKS behind a real HTTP endpoint, for what moto lacks: authentication modes, updates of them, access entries.

boto3 finds it by ``AWS_ENDPOINT_URL_EKS`` (`EksFake.environment`). Signatures are not checked.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.aws.eks_fake_entries import (
    POLICIES,
    AccessEntries,
    EksError,
    Entry,
    invalid_parameter,
    invalid_request,
    not_found,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

MODES: Final = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
LARGEST_PAGE: Final = 100
_T = TypeVar("_T")


def always_known(arn: str) -> str | None:
    """Say of every principal that IAM knows it, by one unique id for ever."""
    return f"AROA{uuid.uuid5(uuid.NAMESPACE_URL, arn).hex[:17].upper()}"


@dataclass
class FakeCluster:
    """One cluster; its fields may be changed at any time.

    Attributes:
        certificate_authority: PEM.
        cluster_id: Only local clusters, on Outposts, have one.
        creator: ARN that EKS makes an entry for when the cluster is switched to access entries.
        nodegroups: By name, the ARN of its node role; `windows` names those of Windows.
        fargate_profiles: By name, the ARN of the pod execution role.
        update_polls: How many DescribeUpdate calls an update stays ``InProgress``.
        update_error: Why updates fail; empty for none.
        maps_nodes_in_mixed_mode: Whether EKS also writes ``aws-auth`` for a new node group or Fargate profile in the mode
            ``API_AND_CONFIG_MAP``. AWS's sources contradict each other: the API's reference of `type` says that it does,
            and its engineers say that it only makes access entries.
        map_nodes: Writes ``aws-auth`` as EKS does: called with the role and the type of access entry.
        updates: By id: type, value and calls left.
    """

    name: str
    endpoint: str
    certificate_authority: str
    entries: AccessEntries
    authentication_mode: str = "CONFIG_MAP"
    status: str = "ACTIVE"
    version: str = "1.34"
    cluster_id: str = ""
    creator: str = ""
    public: bool = True
    nodegroups: dict[str, str] = field(default_factory=dict)
    windows: set[str] = field(default_factory=set)
    fargate_profiles: dict[str, str] = field(default_factory=dict)
    update_polls: int = 1
    update_error: str = ""
    maps_nodes_in_mixed_mode: bool = True
    map_nodes: Callable[[str, str], None] = lambda _role, _kind: None
    updates: dict[str, _Update] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Return the ARN of the cluster."""
        own = self.entries
        return f"arn:{own.partition}:eks:{own.region}:{own.account}:cluster/{self.name}"

    @property
    def has_entries(self) -> bool:
        """Whether access entries let anybody in."""
        return self.authentication_mode != "CONFIG_MAP"

    @property
    def reads_config_map(self) -> bool:
        """Whether ``aws-auth`` lets anybody in."""
        return self.authentication_mode != "API"

    def add_nodes(self, name: str, role_arn: str, kind: str = "EC2_LINUX") -> None:
        """Add a node group, or a Fargate profile, and let its nodes in as EKS does by itself."""
        (self.fargate_profiles if kind == "FARGATE_LINUX" else self.nodegroups)[name] = role_arn
        if kind == "EC2_WINDOWS":
            self.windows.add(name)
        if self.has_entries:
            self.entries.made_by_eks(role_arn, kind)
        if not self.has_entries or (self.reads_config_map and self.maps_nodes_in_mixed_mode):
            self.map_nodes(role_arn, kind)

    def entry_of(self, canonical_arn: str) -> Entry | None:
        """Return the access entry that decides about a principal, as the authenticator of EKS would."""
        return self.entries.working(canonical_arn) if self.has_entries else None


@dataclass
class _Update:
    kind: str
    value: str
    polls_left: int
    error: str = ""
    created: float = field(default_factory=time.time)

    @property
    def status(self) -> str:
        if self.polls_left > 0:
            return "InProgress"
        return "Failed" if self.error else "Successful"


@dataclass
class _Failure:
    operation: str
    error: EksError
    times: int


class NoAnswer(Exception):  # noqa: N818 - no error of the service
    """Closes the connection without an answer."""


class EksFake:
    """The service: add clusters, point boto3 to it, look at what it was asked.

    Attributes:
        clusters: By name.
        requests: Every operation called, with its parameters, in order.
        caller: Who it says is not authorized.
        clock: How far the clock of the service is ahead.
        page: Most that one page of a list holds.
        on_change: Called with a cluster after its mode or an entry of it has changed.
        before: Called with each operation and its parameters before it is done. `NoAnswer` closes the connection.
        after: Called like `before`, after it is done.
    """

    def __init__(self, region: str = "eu-west-1", account: str = "111122223333", partition: str = "aws") -> None:
        self.region = region
        self.account = account
        self.partition = partition
        self.clusters: dict[str, FakeCluster] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.caller = f"arn:{partition}:sts::{account}:assumed-role/worker/i-0123456789abcdef0"
        self.clock = timedelta()
        self.page = LARGEST_PAGE
        self.on_change: Callable[[FakeCluster], None] = lambda _: None
        self.before: Callable[[str, dict[str, Any]], None] = lambda _operation, _parameters: None
        self.after: Callable[[str, dict[str, Any]], None] = lambda _operation, _parameters: None
        self._failures: list[_Failure] = []
        self._denied: set[str] = set()
        self._throttles = 0
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Return where the service is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that makes boto3 ask this service for EKS."""
        return {"AWS_ENDPOINT_URL_EKS": self.url}

    def add_cluster(
        self,
        name: str,
        *,
        endpoint: str = "https://127.0.0.1:1",
        certificate_authority: str = "",
        authentication_mode: str = "CONFIG_MAP",
        unique_id: Callable[[str], str | None] = always_known,
        creator: str = "",
        cluster_id: str = "",
    ) -> FakeCluster:
        """Add a cluster; `unique_id` says by which id IAM knows a principal (None: it does not)."""
        entries = AccessEntries(name, self.partition, self.region, self.account, unique_id)
        cluster = FakeCluster(
            name,
            endpoint,
            certificate_authority,
            entries,
            authentication_mode=authentication_mode,
            creator=creator,
            cluster_id=cluster_id,
        )
        self.clusters[name] = cluster
        if cluster.has_entries:
            _entries_of_eks(cluster)
        return cluster

    def deny(self, *operations: str) -> None:
        """Answer from now on that the caller may not call `operations`; without any, let it call all again."""
        self._denied = set(operations)

    def fail(self, operation: str, code: str, message: str, status: int = 400, times: int = 1) -> None:
        """Answer the next `times` calls of an operation with an error."""
        self._failures.append(_Failure(operation, EksError(code, message, status), times))

    def throttle(self, every: int) -> None:
        """Answer each call with a number that `every` divides that there were too many; 0 ends that."""
        self._throttles = every

    def operations(self) -> list[str]:
        """Return the names of all operations called."""
        return [operation for operation, _ in self.requests]

    def answer(self, method: str, path: str, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request.

        Raises:
            EksError: the answer is an error.
        """
        for operation, wanted, pattern in _ROUTES:
            match = pattern.fullmatch(path)
            if method == wanted and match:
                # Segments are decoded after the path is cut: an ARN has its slashes encoded.
                parameters = {name: unquote(value) for name, value in match.groupdict().items()} | query | body
                with self._lock:
                    self.requests.append((operation, parameters))
                    self._refuse(operation, parameters.get("name", ""))
                    self.before(operation, parameters)
                    answer: dict[str, Any] = getattr(self, f"_{operation}")(parameters)
                    self.after(operation, parameters)
                    return answer
        raise EksError("UnknownOperationException", f"{method} {path}", 404)

    def _refuse(self, operation: str, cluster: str) -> None:
        if self._throttles and len(self.requests) % self._throttles == 0:
            raise EksError("ThrottlingException", "Rate exceeded", 429)
        for failure in self._failures:
            if failure.operation == operation and failure.times:
                failure.times -= 1
                raise failure.error
        if operation in self._denied:
            resource = f"arn:{self.partition}:eks:{self.region}:{self.account}:cluster/{cluster or '*'}"
            raise EksError(
                "AccessDeniedException",
                f"User: {self.caller} is not authorized to perform: eks:{operation} on resource: {resource}",
                403,
            )

    def _cluster(self, parameters: dict[str, Any]) -> FakeCluster:
        cluster = self.clusters.get(parameters["name"])
        if cluster is None:
            raise not_found(f"No cluster found for name: {parameters['name']}.")
        return cluster

    def _DescribeCluster(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - named as the API does
        cluster = self._cluster(parameters)
        shown: dict[str, Any] = {
            "name": cluster.name,
            "arn": cluster.arn,
            "createdAt": 1_700_000_000,
            "version": cluster.version,
            "status": cluster.status,
            "resourcesVpcConfig": {"endpointPublicAccess": cluster.public, "endpointPrivateAccess": not cluster.public},
            "accessConfig": {"authenticationMode": cluster.authentication_mode},
            # EKS names fields without a value, too.
            **dict.fromkeys(("endpoint", "certificateAuthority", "id", "outpostConfig")),
        }
        if cluster.status != "CREATING":
            encoded = base64.b64encode(cluster.certificate_authority.encode()).decode()
            shown |= {"endpoint": cluster.endpoint, "certificateAuthority": {"data": encoded}}
        if cluster.cluster_id:
            shown |= {"id": cluster.cluster_id, "outpostConfig": {"outpostArns": ["arn:aws:outposts:::outpost/op-1"]}}
        return {"cluster": shown}

    def _ListClusters(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._pages("clusters", sorted(self.clusters), parameters)

    def _UpdateClusterConfig(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        cluster = self._cluster(parameters)
        if any(update.status == "InProgress" for update in cluster.updates.values()):
            raise EksError(
                "ResourceInUseException", "Cannot update the cluster because an update is already in progress.", 409
            )
        present, wanted = cluster.authentication_mode, parameters["accessConfig"]["authenticationMode"]
        if wanted not in MODES or MODES.index(wanted) != MODES.index(present) + 1:
            raise invalid_parameter(f"Unsupported authentication mode update from {present} to {wanted}")
        update_id = str(uuid.uuid4())
        cluster.updates[update_id] = _Update("AccessConfigUpdate", wanted, cluster.update_polls, cluster.update_error)
        return {"update": self._settled(cluster, update_id)}

    def _DescribeUpdate(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        cluster = self._cluster(parameters)
        update = cluster.updates.get(parameters["updateId"])
        if update is None:
            raise not_found(f"No update found for updateId: {parameters['updateId']}.")
        shown = self._settled(cluster, parameters["updateId"])
        update.polls_left -= 1
        return {"update": shown}

    def _ListUpdates(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._pages("updateIds", list(self._cluster(parameters).updates), parameters)

    def _settled(self, cluster: FakeCluster, update_id: str) -> dict[str, Any]:
        """Return an update as it is shown, and put it into effect when it is done."""
        update = cluster.updates[update_id]
        if update.status == "Successful" and cluster.authentication_mode != update.value:
            cluster.authentication_mode = update.value
            _entries_of_eks(cluster)
            self.on_change(cluster)
        return {
            "id": update_id,
            "status": update.status,
            "type": update.kind,
            "params": [{"type": "AuthenticationMode", "value": f'"{update.value}"'}],
            "createdAt": update.created,
            "errors": [{"errorCode": "Unknown", "errorMessage": update.error}] if update.error else [],
        }

    def _entries(self, parameters: dict[str, Any]) -> AccessEntries:
        cluster = self._cluster(parameters)
        if not cluster.has_entries:
            raise invalid_request(
                "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
                "operation."
            )
        return cluster.entries

    def _CreateAccessEntry(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        entries = self._entries(parameters)
        made = entries.create(parameters["principalArn"], parameters)
        return self._changed(parameters, {"accessEntry": entries.shown(made)})

    def _DescribeAccessEntry(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        entries = self._entries(parameters)
        return {"accessEntry": entries.shown(entries.find(parameters["principalArn"]))}

    def _UpdateAccessEntry(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        entries = self._entries(parameters)
        entry = entries.update(parameters["principalArn"], parameters)
        return self._changed(parameters, {"accessEntry": entries.shown(entry)})

    def _DeleteAccessEntry(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._entries(parameters).delete(parameters["principalArn"])
        return self._changed(parameters, {})

    def _ListAccessEntries(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        listed = self._entries(parameters).listed(parameters.get("associatedPolicyArn"))
        return self._pages("accessEntries", listed, parameters)

    def _AssociateAccessPolicy(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        entry, policy = self._entries(parameters).associate(parameters["principalArn"], parameters)
        answer = {
            "clusterName": parameters["name"],
            "principalArn": entry.principal_arn,
            "associatedAccessPolicy": _association(entry, policy),
        }
        return self._changed(parameters, answer)

    def _DisassociateAccessPolicy(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._entries(parameters).disassociate(parameters["principalArn"], parameters["policyArn"])
        return self._changed(parameters, {})

    def _ListAssociatedAccessPolicies(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        entry = self._entries(parameters).find(parameters["principalArn"])
        policies = [_association(entry, policy) for policy in entry.policies]
        own = {"clusterName": parameters["name"], "principalArn": entry.principal_arn}
        return own | self._pages("associatedAccessPolicies", policies, parameters)

    def _ListAccessPolicies(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        arns = [f"arn:{self.partition}:eks::aws:cluster-access-policy/{name}" for name in POLICIES]
        return self._pages("accessPolicies", [{"name": arn.rpartition("/")[2], "arn": arn} for arn in arns], parameters)

    def _TagResource(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._tagged(parameters).tags.update(parameters["tags"])
        return {}

    def _UntagResource(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        for name in parameters["tagKeys"]:
            self._tagged(parameters).tags.pop(name, None)
        return {}

    def _tagged(self, parameters: dict[str, Any]) -> Entry:
        """Return the access entry that an ARN names: no other resource has tags here."""
        arn = parameters["resourceArn"]
        cluster = self.clusters.get(arn.split("/")[1])
        for entry in cluster.entries.entries.values() if cluster else ():
            if cluster and cluster.entries.shown(entry)["accessEntryArn"] == arn:
                return entry
        raise not_found(f"No resource found for arn: {arn}.")

    def _ListNodegroups(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._pages("nodegroups", list(self._cluster(parameters).nodegroups), parameters)

    def _DescribeNodegroup(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        cluster, name = self._cluster(parameters), parameters["nodegroupName"]
        if name not in cluster.nodegroups:
            raise not_found(f"No node group found for name: {name}.")
        ami = "WINDOWS_CORE_2022_x86_64" if name in cluster.windows else "AL2023_x86_64_STANDARD"
        shown = {"nodegroupName": name, "clusterName": cluster.name, "status": "ACTIVE", "amiType": ami}
        size = {"minSize": 0, "maxSize": 5, "desiredSize": 2}
        return {"nodegroup": shown | {"nodeRole": cluster.nodegroups[name], "scalingConfig": size}}

    def _ListFargateProfiles(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._pages("fargateProfileNames", list(self._cluster(parameters).fargate_profiles), parameters)

    def _DescribeFargateProfile(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        cluster, name = self._cluster(parameters), parameters["fargateProfileName"]
        if name not in cluster.fargate_profiles:
            raise not_found(f"No Fargate Profile found with name: {name}.")
        shown = {"fargateProfileName": name, "clusterName": cluster.name, "status": "ACTIVE"}
        return {"fargateProfile": shown | {"podExecutionRoleArn": cluster.fargate_profiles[name]}}

    def _changed(self, parameters: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        self.on_change(self._cluster(parameters))
        return answer

    def _pages(self, key: str, items: Sequence[_T], parameters: dict[str, Any]) -> dict[str, Any]:
        asked = int(parameters.get("maxResults") or LARGEST_PAGE)
        if not 1 <= asked <= LARGEST_PAGE:
            raise invalid_parameter(f"maxResults has to be between 1 and {LARGEST_PAGE}")
        start = int(parameters.get("nextToken") or 0)
        end = start + min(asked, self.page)
        following = {"nextToken": str(end)} if end < len(items) else {}
        return {key: list(items[start:end])} | following


def _entries_of_eks(cluster: FakeCluster) -> None:
    """Make the entries that EKS makes by itself: for the creator, node groups and Fargate profiles."""
    if cluster.creator:
        cluster.entries.made_by_eks(cluster.creator, "STANDARD")
    for name, role in cluster.nodegroups.items():
        cluster.entries.made_by_eks(role, "EC2_WINDOWS" if name in cluster.windows else "EC2_LINUX")
    for role in cluster.fargate_profiles.values():
        cluster.entries.made_by_eks(role, "FARGATE_LINUX")


def _association(entry: Entry, policy: str) -> dict[str, Any]:
    return {
        "policyArn": policy,
        "accessScope": entry.policies[policy],
        "associatedAt": entry.created,
        "modifiedAt": entry.created,
    }


def _routes() -> list[tuple[str, str, re.Pattern[str]]]:
    cluster = "/clusters/{name}"
    entry = f"{cluster}/access-entries/{{principalArn}}"
    routes = [
        ("ListClusters", "GET", "/clusters"),
        ("DescribeCluster", "GET", cluster),
        ("UpdateClusterConfig", "POST", f"{cluster}/update-config"),
        ("ListUpdates", "GET", f"{cluster}/updates"),
        ("DescribeUpdate", "GET", f"{cluster}/updates/{{updateId}}"),
        ("CreateAccessEntry", "POST", f"{cluster}/access-entries"),
        ("ListAccessEntries", "GET", f"{cluster}/access-entries"),
        ("DescribeAccessEntry", "GET", entry),
        ("UpdateAccessEntry", "POST", entry),
        ("DeleteAccessEntry", "DELETE", entry),
        ("AssociateAccessPolicy", "POST", f"{entry}/access-policies"),
        ("ListAssociatedAccessPolicies", "GET", f"{entry}/access-policies"),
        ("DisassociateAccessPolicy", "DELETE", f"{entry}/access-policies/{{policyArn}}"),
        ("ListAccessPolicies", "GET", "/access-policies"),
        ("TagResource", "POST", "/tags/{resourceArn}"),
        ("UntagResource", "DELETE", "/tags/{resourceArn}"),
        ("ListNodegroups", "GET", f"{cluster}/node-groups"),
        ("DescribeNodegroup", "GET", f"{cluster}/node-groups/{{nodegroupName}}"),
        ("ListFargateProfiles", "GET", f"{cluster}/fargate-profiles"),
        ("DescribeFargateProfile", "GET", f"{cluster}/fargate-profiles/{{fargateProfileName}}"),
    ]
    return [(name, method, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))) for name, method, path in routes]


_ROUTES: Final = _routes()


def _handler(fake: EksFake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and content go out together: the second of two packets would wait for the first one's acknowledgement.
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            given = parse_qs(parts.query)
            query: dict[str, Any] = {name: given[name] if name == "tagKeys" else given[name][-1] for name in given}
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # Another service's form is no JSON: it gets an answer, too.
            body = json.loads(content) if content.startswith(b"{") else {}
            try:
                self._send(200, fake.answer(self.command, parts.path, query, body))
            except EksError as error:
                self._send(error.status, {"message": str(error)}, error.code)
            except NoAnswer:
                self.close_connection = True

        do_POST = do_DELETE = do_GET  # noqa: N815 - http.server looks these up

        def _send(self, status: int, answer: dict[str, Any], error: str = "") -> None:
            content = json.dumps(answer).encode()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(datetime.now(timezone.utc) + fake.clock, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing: tests read the requests."""

    return Handler
