"""Turn the API server's refusals and failures into this library's errors.

This is the only module that tells the exceptions of requests apart. It is imported when an error occurs, because most
processes never meet one.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from awsauth import errors
from awsauth.boundary import causes
from awsauth.core.report.rbac import RbacRule
from awsauth.core.text.display import visible
from awsauth.kube.request import AnswerError, Request, object_of
from awsauth.system.backoff import retry_after

_E = TypeVar("_E", bound=errors.ApiError)

# Statuses that another attempt may avoid. 410: the next page of a list was requested too late.
_PASSING: Final = frozenset({410, 429, 500, 502, 503, 504})
# Passing statuses with which the server refuses before it does anything. After others, a write may have been made.
_DEFINITE: Final = frozenset({410, 429})

# k8s.io/apiserver pkg/admission/plugin/webhook/errors/statuserror.go, .../plugin/policy/validating/dispatcher.go
_ADMISSION: Final = re.compile(
    r"admission webhook \"|(?:Validating|Mutating)AdmissionPolicy '|failed calling webhook|failed calling admission"
)
_TOO_BIG: Final = re.compile(r"request is too large|Request entity too large|larger than max|Too long: may not be more")
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

_RULE_PATH: Final = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?"
)

# k8s.io/apiserver pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage
_REFUSAL: Final = re.compile(
    r'User (?P<user>"(?:[^"\\]|\\.)*") cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"'
    r' in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]+)")?'
)

_LONGEST_MESSAGE: Final = 2_000
_CHECK_TRUST: Final = (
    "Check `certificate-authority-data` and the address in the kubeconfig, and whether a proxy on the way presents a "
    "certificate of its own."
)
_ASK_ADMIN: Final = "Ask the administrator of that policy or webhook, or change the request."


class _Refusal(NamedTuple):
    """An answer other than success: a ``Status``, or a proxy's own page."""

    request: Request
    code: int
    reason: str
    message: str
    details: dict[str, Any]

    @property
    def words(self) -> str:
        return visible(self.message[:_LONGEST_MESSAGE])

    def error(self, kind: type[_E], message: str, hint: str, **attributes: Any) -> _E:
        status: dict[str, Any] = {"status": self.code, "reason": self.reason, "details": self.details}
        return kind(message, location=self.request.location, hint=hint, **status, **attributes)


def _known_refusal(answer: _Refusal) -> tuple[type[errors.ApiError], str, str] | None:
    """Return the class, the message and the hint of a refusal that is known, or None."""
    if "'NamespaceTerminating'" in str(answer.details.get("causes")):
        message = "The namespace is being deleted, so no object can be created in it."
        hint = "Wait until the namespace is gone, then create it again. If it is kube-system, repair the cluster first."
        return errors.AdmissionError, message, hint
    if _ADMISSION.search(answer.message):
        return errors.AdmissionError, "The cluster's admission control refused the request:", _ASK_ADMIN
    if answer.code == 413 or _TOO_BIG.search(answer.message):
        hint = "Remove something: a ConfigMap may hold 1 MiB, and a whole object about 1.5 MiB."
        return errors.ApiError, "The object is too large for the API server.", hint
    if answer.code == 401:
        unknown = "the credentials have expired, or no mapping names the principal"
        hint = "Renew the credentials, or use others. On EKS, `awsauth health` (health_check) finds the reason."
        return errors.AuthenticationError, f"The API server does not recognize the caller: {unknown}.", hint
    return None


def error_for_response(request: Request, status: int, headers: Mapping[str, str], body: bytes) -> errors.AwsAuthError:
    """Return the error for an answer other than success."""
    answer = _refusal(request, status, body)
    if known := _known_refusal(answer):
        kind, message, hint = known
        return answer.error(kind, f"{message} {answer.words}", hint)
    if status in _PASSING:
        error = answer.error(errors.UnavailableError, f"The API server cannot answer now. {answer.words}", "Try again.")
        error.retry_after = retry_after(headers.get("Retry-After"))
        if not request.changes or status in _DEFINITE:
            return error
        # etcd may have stored the object before its answer was lost; a gateway knows even less.
        unknown = _unknown(request, f"The API server answered with an error of its own ({status}). {answer.words}")
        unknown.__cause__ = error
        return unknown
    # A proxy or gateway may send these after it has passed the request on.
    if request.changes and not answer.reason and (status < 200 or status == 408 or status >= 500):
        return _unknown(request, f"A proxy between here and the API server answered ({status}). {answer.words}")
    if status == 403:
        return _forbidden(answer)
    kind = errors.NotFoundError if status == 404 else errors.ApiError
    hint = "" if answer.reason else "Check that the address is the one of a Kubernetes API server."
    return answer.error(kind, f"The API server refused the request. {answer.words}", hint)


def _forbidden(answer: _Refusal) -> errors.ApiError:
    rule = _missing_rule(answer)
    if not rule:
        message = f"The API server forbids this, but not because of a missing role. {answer.words}"
        return answer.error(errors.AdmissionError, message, _ASK_ADMIN)
    kind = "Role" if rule.namespace else "ClusterRole"
    if rule.user == "system:anonymous":
        hint = "Add credentials for this user to the kubeconfig: the request had none."
    else:
        role = f"{kind} in {rule.namespace}" if rule.namespace else kind
        hint = f"Add this rule to a {visible(role)} that is bound to {visible(rule.user)}:\n{rule.yaml}"
    target = rule.resource if not rule.name else f"{rule.resource}/{rule.name}"
    place = f"in {rule.namespace}" if rule.namespace else "in the cluster"
    message = visible(f"{rule.user} may not {rule.verb} {target} {place}.")
    return answer.error(errors.ForbiddenError, message, hint, rule=rule.yaml, role=kind)


class _Failure(NamedTuple):
    """Why there is no answer, whether the server may have the request, and the hint."""

    message: str
    may_have_arrived: bool = False
    check: str = "Check the cluster's address, the network, the proxy and the VPN; then try again."


def error_for_exception(request: Request, error: Exception, hint: str = "") -> errors.AwsAuthError:
    """Return the error for a request without an answer; `hint` gives a likely reason."""
    failure = _failure(error)
    if failure.may_have_arrived and request.changes:
        return _unknown(request, failure.message)
    return errors.UnreachableError(failure.message, location=request.location, hint=f"{hint} {failure.check}".lstrip())


def _failure(error: BaseException) -> _Failure:
    from urllib3 import exceptions as u

    if isinstance(error, u.SSLError):
        return _tls_failure(error)
    behind = error.original_error if isinstance(error, u.ProxyError) else None
    if isinstance(behind, u.SSLError):
        return _tls_failure(behind, "The certificate of the API server, or of the proxy,")
    # urllib3 raises the same for a proxy that leads nowhere and for a connection behind it that was cut later;
    # http.client words any answer to CONNECT but 200 so.
    is_refused = isinstance(behind, OSError) and str(behind).startswith("Tunnel connection failed")
    if is_refused or isinstance(behind, (u.NewConnectionError, u.ConnectTimeoutError)):
        return _Failure(f"The proxy does not lead to the API server: {_cause(error)}.")
    never_sent = (u.LocationValueError, u.EmptyPoolError, u.FullPoolError, u.ClosedPoolError, u.ProxySchemeUnsupported)
    found = behind or error
    return next(
        _Failure(message.format(_cause(found)), may_have_arrived)
        for kinds, message, may_have_arrived in (
            (u.NameResolutionError, "The API server's name cannot be resolved.", False),
            (u.NewConnectionError, "The API server cannot be reached: {}.", False),
            (u.ConnectTimeoutError, "The connection to the API server timed out.", False),
            (never_sent, "The request cannot be sent: {}.", False),
            (AnswerError, "{}.", True),
            ((u.TimeoutError, TimeoutError), "The API server did not answer in time.", True),
            (BaseException, "The connection was cut before the answer was complete: {}.", True),
        )
        if isinstance(found, kinds)
    )


def _tls_failure(error: Exception, whose: str = "The API server's certificate") -> _Failure:
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            problem = visible(cause.verify_message).rstrip(".")
            return _Failure(f"{whose} is not trusted: {problem}.", check=_CHECK_TRUST)
    # A server may refuse the client's certificate as late as in its answer to the first request.
    return _Failure(f"The encrypted connection failed: {_cause(error)}.", may_have_arrived=True)


def _cause(error: BaseException) -> str:
    """Return the system's description of an error, without urllib3's text around it."""
    for cause in causes(error):
        if isinstance(cause, OSError) and (text := cause.strerror or str(cause)):
            return visible(text[:_LONGEST_MESSAGE]).rstrip(".")
    return visible(str(error)[:_LONGEST_MESSAGE] or type(error).__name__).rstrip(".")


def _unknown(request: Request, message: str) -> errors.OutcomeUnknownError:
    message = f"{message} The request had been sent, so the change may or may not have been made."
    hint = "Look at the object before you try again."
    return errors.OutcomeUnknownError(message, location=request.location, hint=hint)


def _refusal(request: Request, code: int, body: bytes) -> _Refusal:
    try:
        value = object_of(body)
    except AnswerError:
        value = {}
    if value.get("kind") != "Status":
        return _Refusal(request, code, "", f"The answer ({code}) does not come from a Kubernetes API server.", {})
    message, details = str(value.get("message") or f"The status is {code}."), value.get("details")
    reason = str(value.get("reason") or "")
    return _Refusal(request, code, reason, message, details if isinstance(details, dict) else {})


def _missing_rule(answer: _Refusal) -> RbacRule | None:
    """Return the rule that a refused request lacks; None if RBAC did not refuse it.

    The server's message counts more than the request: under impersonation, another right may be missing.
    """
    if not (refused := _REFUSAL.search(answer.message)):
        return None
    verb, resource, group = refused["verb"], refused["resource"], refused["group"]
    name = answer.details.get("name")
    if match := _RULE_PATH.fullmatch(answer.request.path):
        requested = _VERBS.get(answer.request.method) or ("get" if match["name"] else "list")
        if (requested, match["resource"], match["group"] or "") == (verb, resource, group):
            name = match["name"]
    user = refused["user"][1:-1]
    return RbacRule(verb, resource, group, name if isinstance(name, str) else "", refused["namespace"] or "", user)
