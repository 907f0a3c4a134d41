"""Generated roles and bindings on a real API server, and questions to it about anybody's rights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from awsauth.core.report.rbac import RULE_FIELDS, PolicyRule, RbacRule, published_policies

if TYPE_CHECKING:
    from random import Random

    from awsauth.core.entries.model import AccessPolicy
    from tests.support.controlplane.api_server import ApiServer

NAMESPACES: Final = ("default", "kube-public", "kube-node-lease")
GROUPS: Final = ("viewers", "team:a", "team:b", "ops", "Viewers")
USERS: Final = ("alice", "ci", "ci:bob", "ci:eve", "system:serviceaccount:default:ci")
_API: Final = "rbac.authorization.k8s.io"
_PATH: Final = f"/apis/{_API}/v1"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_VERBS: Final = ("get", "list", "create", "delete", "impersonate")
_RESOURCES: Final = ("pods", "pods/exec", "deployments", "deployments/scale", "secrets", "nodes", "users", "proxy/exec")
_API_GROUPS: Final = ("", "apps", "made.example")
_PATHS: Final = ("/metrics", "/healthz/etcd", "/api/v1", "/x*")
_LABELS: Final = [{}, {"to": "a"}, {"to": "b"}, {"to": "a", "also": "yes"}]


def _some(random: Random, values: Iterable[str], most: int = 3) -> list[str]:
    known = [*values]
    return random.sample(known, random.randint(1, min(most, len(known))))


def _rule(random: Random, *, paths: bool) -> dict[str, Any]:
    verbs = _some(random, (*_VERBS, "*"))
    if paths and random.random() < 0.3:
        return {"nonResourceURLs": _some(random, (*_PATHS, "*", "/healthz/*", "/api*")), "verbs": verbs}
    resources = _some(random, (*_RESOURCES, "*", "*/exec", "*/scale", "pods/*"))
    rule = {"apiGroups": _some(random, (*_API_GROUPS, "*")), "resources": resources, "verbs": verbs}
    return rule | ({"resourceNames": _some(random, "abc")} if random.random() < 0.3 else {})


def _selector(random: Random) -> dict[str, Any]:
    label = random.choice(["to", "also"])
    operator = random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    values = {"values": ["a"]} if operator in ("In", "NotIn") else {}
    made = {"matchExpressions": [{"key": label, "operator": operator, **values}]}
    # Without a label of their own, selectors would select the roles of Kubernetes too.
    return {"matchLabels": {"made": "yes", **random.choice([{}, {"to": "a"}])}} | (
        made if random.random() < 0.6 else {}
    )


def _subject(random: Random, namespace: str) -> dict[str, str]:
    kind = random.choice(["User", "Group", "Group", "ServiceAccount"])
    if kind == "ServiceAccount":
        named = "" if namespace and random.random() < 0.5 else "default"
        return {"kind": kind, "name": "ci"} | ({"namespace": named} if named else {})
    name = random.choice(USERS if kind == "User" else (*GROUPS, *GROUPS, "system:authenticated"))
    return {"apiGroup": _API, "kind": kind, "name": name}


def make(api: ApiServer, random: Random) -> None:
    """Make roles and bindings; aggregated roles have no rules yet."""
    for number in range(12):
        metadata = {"name": f"r{number}", "labels": {"made": "yes", **random.choice(_LABELS)}}
        selectors = [_selector(random) for _ in range(random.choice([0, 0, 1, 2]))]
        more = {"aggregationRule": {"clusterRoleSelectors": selectors}} if selectors else {}
        rules = [] if selectors else [_rule(random, paths=True) for _ in range(random.randint(0, 3))]
        api.must("POST", f"{_PATH}/clusterroles", {"metadata": metadata, "rules": rules, **more})
    for namespace in NAMESPACES:
        for number in range(3):
            rules = [_rule(random, paths=False) for _ in range(random.randint(0, 3))]
            path = f"{_PATH}/namespaces/{namespace}/roles"
            api.must("POST", path, {"metadata": {"name": f"r{number}"}, "rules": rules})
    for number in range(24):
        namespace = random.choice(["", *NAMESPACES])
        kind = random.choice(["Role", "ClusterRole"]) if namespace else "ClusterRole"
        role = f"r{random.randrange(14)}"  # some are not there
        subjects = [_subject(random, namespace) for _ in range(random.randint(0, 2))]
        bind(api, f"b{number}", subjects, role, kind=kind, namespace=namespace)


def bind(
    api: ApiServer,
    name: str,
    subjects: list[dict[str, str]],
    role: str,
    *,
    kind: str = "ClusterRole",
    namespace: str = "",
) -> None:
    """Bind subjects to a role, in a namespace or everywhere."""
    path = f"{_PATH}/namespaces/{namespace}/rolebindings" if namespace else f"{_PATH}/clusterrolebindings"
    reference = {"apiGroup": _API, "kind": kind, "name": role}
    api.must("POST", path, {"metadata": {"name": name}, "subjects": subjects, "roleRef": reference})


def bind_policies(api: ApiServer, policies: Iterable[AccessPolicy]) -> None:
    """Let RBAC give a group with the text of each policy what EKS would give by it."""
    for number, policy in enumerate(policies):
        rules = [_as_object(rule) for rule in published_policies().rules[policy.name]]
        api.must("POST", f"{_PATH}/clusterroles", {"metadata": {"name": f"policy-{number}"}, "rules": rules})
        covered = [one for one in NAMESPACES if any(one.startswith(name.rstrip("*")) for name in policy.namespaces)]
        for namespace in covered if policy.namespaces else [""]:
            group = {"apiGroup": _API, "kind": "Group", "name": str(policy)}
            bind(api, f"policy-{number}", [group], f"policy-{number}", namespace=namespace)


def _as_object(rule: PolicyRule) -> dict[str, list[str]]:
    return {name: list(values) for name, values in zip(RULE_FIELDS, rule, strict=True) if values}


def aggregate(api: ApiServer) -> None:
    """Fill aggregated roles in, as the controller does that this control plane has none of."""
    changed = True
    while changed:
        changed = False
        for role in api.must("GET", f"{_PATH}/clusterroles?labelSelector=made%3Dyes")["items"]:
            if "aggregationRule" not in role:
                continue
            rules: dict[str, Any] = {}
            for selector in role["aggregationRule"]["clusterRoleSelectors"]:
                found = api.must("GET", f"{_PATH}/clusterroles?labelSelector={quote(_as_query(selector))}")["items"]
                others = (one for one in found if one["metadata"]["name"] != role["metadata"]["name"])
                rules |= {json.dumps(rule): rule for one in others for rule in one["rules"] or ()}
            if rules.keys() != {json.dumps(rule) for rule in role["rules"] or ()}:
                changed = True
                api.must(
                    "PUT", f"{_PATH}/clusterroles/{role['metadata']['name']}", {**role, "rules": [*rules.values()]}
                )


def _as_query(selector: Mapping[str, Any]) -> str:
    wanted = [f"{label}={value}" for label, value in selector["matchLabels"].items()]
    for one in selector.get("matchExpressions", ()):
        key, values = one["key"], f"({','.join(one.get('values', ()))})"
        forms = {"In": f"{key} in {values}", "NotIn": f"{key} notin {values}", "Exists": key, "DoesNotExist": f"!{key}"}
        wanted.append(forms[one["operator"]])
    return ",".join(wanted)


def await_seen(api: ApiServer) -> None:
    """Wait until the authorizer has seen all roles and bindings: it sees each kind in order."""
    for namespace, kind in (("", "ClusterRole"), (NAMESPACES[0], "Role")):
        prefix = f"{_PATH}/namespaces/{namespace}" if namespace else _PATH
        rule = {"apiGroups": ["last.example"], "resources": [kind.lower()], "verbs": ["get"]}
        api.must("POST", f"{prefix}/{kind.lower()}s", {"metadata": {"name": "last"}, "rules": [rule]})
        subject = {"apiGroup": _API, "kind": "User", "name": "last"}
        bind(api, "last", [subject], "last", kind=kind, namespace=namespace)
        asked = {"group": "last.example", "resource": kind.lower(), "verb": "get", "namespace": namespace}
        api.await_allowed(user="last", resourceAttributes=asked)


def questions(random: Random, number: int) -> list[RbacRule]:
    """Return requests to ask about; some are of the kinds that rules name."""
    made = []
    for _ in range(number):
        verb = random.choice(_VERBS)
        if random.random() < 0.15:
            made.append(RbacRule(verb, random.choice([*_PATHS, "/healthz", "/x-ray"])))
            continue
        name = random.choice(["", "", "a", "d"])
        group, resource = random.choice(_API_GROUPS), random.choice(_RESOURCES)
        made.append(RbacRule(verb, resource, group, name, random.choice(["", *NAMESPACES])))
    return made


def allowed(api: ApiServer, asked: Iterable[tuple[RbacRule, str, Iterable[str]]]) -> list[bool]:
    """Return whether the API server allows each request to a user with groups."""

    def review(one: tuple[RbacRule, str, Iterable[str]]) -> bool:
        request, user, groups = one
        resource, _, subresource = request.resource.partition("/")
        where: dict[str, Any] = {
            "resourceAttributes": {
                "verb": request.verb,
                "group": request.group,
                "resource": resource,
                "subresource": subresource,
                "name": request.name,
                "namespace": request.namespace,
            }
        }
        if request.resource.startswith("/"):
            where = {"nonResourceAttributes": {"verb": request.verb, "path": request.resource}}
        spec = {"user": user, "groups": [*groups, "system:authenticated"], **where}
        return bool(api.must("POST", _REVIEWS, {"spec": spec})["status"]["allowed"])

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(review, asked))
