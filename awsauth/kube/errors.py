"""From what the API server answers, and from what goes wrong before it does, to this library's errors.

The one place where exceptions of requests are told apart. Whoever calls raises what comes back ``from`` them; and imports
this only then, as most processes never meet an error.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.core.text.display import visible
from awsauth.errors import (
    AdmissionError,
    ApiError,
    AuthenticationError,
    AwsAuthError,
    ForbiddenError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    UnreachableError,
)
from awsauth.kube.rbac import missing_rule
from awsauth.kube.request import AnswerError, object_of
from awsauth.retry import retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.exceptions import ProxyError

    from awsauth.kube.request import Request

_PASSING: Final = frozenset({410, 429, 500, 502, 503, 504})
"""What may be answered otherwise later. 410: the next page of a list was asked for too late."""

_DEFINITE: Final = frozenset({410, 429})
"""Of these, what is answered before anything is done. After another one, a write may have been made all the same."""

# k8s.io/apiserver pkg/admission/plugin/webhook/errors/statuserror.go, .../plugin/policy/validating/dispatcher.go
_ADMISSION: Final = re.compile(
    r"admission webhook \"|(?:Validating|Mutating)AdmissionPolicy '|failed calling webhook|failed calling admission"
)
_TOO_LARGE: Final = re.compile(
    r"request is too large|Request entity too large|larger than max|Too long: may not be more"
)
_LONGEST_MESSAGE: Final = 2_000
_CHECK_TRUST: Final = (
    "Nothing was changed. See that `certificate-authority-data` in the kubeconfig is the cluster's own, that the address "
    "is the right one, and whether something in between, such as a proxy, shows a certificate of its own."
)
_CHECK: Final = "Nothing was changed. Check the cluster's address, the network, the proxy and the VPN; then try again."


@dataclass(frozen=True, slots=True)
class _Status:
    code: int
    reason: str
    message: str
    details: dict[str, Any]

    @property
    def causes(self) -> set[str]:
        causes = self.details.get("causes")
        found = causes if isinstance(causes, list) else []
        return {str(cause.get("reason")) for cause in found if isinstance(cause, dict)}

    @property
    def words(self) -> str:
        return visible(self.message[:_LONGEST_MESSAGE])


class _Failure(NamedTuple):
    """Why there is no answer, whether the request may have reached the server all the same, and what to look at."""

    message: str
    may_have_arrived: bool = False
    check: str = _CHECK


def error_for_response(request: Request, status: int, headers: Mapping[str, str], body: bytes) -> AwsAuthError:
    """Return the error for an answer that is none of success."""
    said = _status(status, body)
    fields: dict[str, Any] = {
        "location": request.location,
        "status": status,
        "reason": said.reason,
        "details": said.details,
    }
    if "NamespaceTerminating" in said.causes:
        return AdmissionError(
            f"The namespace is being deleted, so nothing can be made in it; nothing was changed. {said.words}",
            hint="Wait until it is gone and made again. Should kube-system be meant, the cluster needs help first.",
            **fields,
        )
    if _ADMISSION.search(said.message):
        return AdmissionError(
            f"The cluster's admission control refused the request; nothing was changed. It says: {said.words}",
            hint="Ask whoever is in charge of that policy or webhook, or change what is asked for.",
            **fields,
        )
    if status == 413 or _TOO_LARGE.search(said.message):
        return ApiError(
            f"This is too large for the API server; nothing was changed. {said.words}",
            hint="A ConfigMap may hold 1 MiB, and an object with everything about it about 1.5 MiB: take something out.",
            **fields,
        )
    if status in _PASSING:
        return _unavailable(request, said, headers, fields)
    if request.changes and not said.reason and _is_of_something_between(status):
        return _unknown(request, f"Something between here and the API server answered ({status}). {said.words}")
    if status == 401:
        return _unauthenticated(said, fields)
    if status == 403:
        return _forbidden(request, said, fields)
    kind = NotFoundError if status == 404 else ApiError
    return kind(
        f"The API server refused the request; nothing was changed. {said.words}",
        hint="See that the address is that of a Kubernetes API server." if not said.reason else "",
        **fields,
    )


def _is_of_something_between(status: int) -> bool:
    """Whether a proxy or gateway may answer so after it has passed a request on: in the meantime, too late, or for want of more."""
    return status < 200 or status == 408 or status >= 500


def _unauthenticated(said: _Status, fields: dict[str, Any]) -> ApiError:
    return AuthenticationError(
        f"The API server does not know who is asking; nothing was changed. {said.words}",
        hint=(
            "The credentials have expired, belong to another cluster, or to a principal that is mapped to nothing. "
            "Renew them, or use other ones. On EKS, `awsauth health` (health_check) says which of these it is."
        ),
        **fields,
    )


def _forbidden(request: Request, said: _Status, fields: dict[str, Any]) -> ApiError:
    rule = missing_rule(said.message, said.details, request.method, request.path)
    if rule is None:
        return AdmissionError(
            f"The API server forbids this, and not for want of a role; nothing was changed. {said.words}",
            hint="Ask whoever is in charge of the cluster, or change what is asked for.",
            **fields,
        )
    if rule.user == "system:anonymous":
        hint = "No credentials were sent: see that the kubeconfig has some for this user."
    else:
        bound = "a Role in " + rule.namespace if rule.namespace else "a ClusterRole"
        hint = f"Add this rule to {visible(bound)} that is bound to {visible(rule.user)}:\n{rule.yaml}"
    target = rule.resource if not rule.name else f"{rule.resource}/{rule.name}"
    location = f"in {rule.namespace}" if rule.namespace else "in the cluster"
    error = ForbiddenError(
        visible(f"{rule.user} may not {rule.verb} {target} {location}; nothing was changed."), hint=hint, **fields
    )
    error.rule, error.role = rule.yaml, rule.role
    return error


def _unavailable(request: Request, said: _Status, headers: Mapping[str, str], fields: dict[str, Any]) -> AwsAuthError:
    error = UnavailableError(
        f"The API server cannot answer at the moment; nothing was changed. {said.words}", hint="Try again.", **fields
    )
    error.retry_after = retry_after(headers.get("Retry-After"))
    if not request.changes or said.code in _DEFINITE:
        return error
    # etcd may have stored the object before its answer was lost on the way, and a gateway knows even less.
    unknown = _unknown(request, f"The API server answered with an error of its own ({said.code}). {said.words}")
    unknown.__cause__ = error
    return unknown


def error_for_exception(request: Request, error: Exception, hint: str = "") -> AwsAuthError:
    """Return the error for a request that was not answered; `hint` says why that may be."""
    failure = _failure(error)
    if failure.may_have_arrived and request.changes:
        return _unknown(request, failure.message)
    return UnreachableError(failure.message, location=request.location, hint=f"{hint} {failure.check}".lstrip())


def _failure(error: BaseException) -> _Failure:
    from urllib3 import exceptions as u

    reason = getattr(error, "reason", None)
    if isinstance(error, u.MaxRetryError) and isinstance(reason, BaseException):
        return _failure(reason)
    if isinstance(error, u.SSLError):
        return _tls_failure(error)
    if isinstance(error, u.NameResolutionError):
        return _Failure("The API server's name cannot be resolved.")
    if isinstance(error, u.NewConnectionError):
        return _Failure(f"The API server cannot be reached: {_cause(error)}.")
    if isinstance(error, u.ConnectTimeoutError):
        return _Failure("No connection to the API server came about in time.")
    if isinstance(error, u.ProxyError):
        return _proxy_failure(error)
    never_sent = (u.LocationValueError, u.EmptyPoolError, u.FullPoolError, u.ClosedPoolError, u.ProxySchemeUnsupported)
    if isinstance(error, never_sent):
        return _Failure(f"The request cannot be sent: {_cause(error)}.")
    return _Failure(_cut_short(error), may_have_arrived=True)


def _proxy_failure(error: ProxyError) -> _Failure:
    """Return what happened behind a proxy: urllib3 says the same whether it led nowhere or what it led to was cut later."""
    from urllib3 import exceptions as u

    behind = error.original_error
    if isinstance(behind, u.SSLError):
        return _tls_failure(behind, "The certificate of the API server, or of the proxy,")
    # As http.client has it, for any answer to CONNECT but 200.
    is_refused = isinstance(behind, OSError) and str(behind).startswith("Tunnel connection failed")
    if is_refused or isinstance(behind, (u.NewConnectionError, u.ConnectTimeoutError)):
        return _Failure(f"The proxy does not lead to the API server: {_cause(error)}.")
    return _Failure(_cut_short(behind), may_have_arrived=True)


def _cut_short(error: BaseException) -> str:
    """Return what happened after the request was on its way."""
    from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

    if isinstance(error, AnswerError):
        return str(error)
    if isinstance(error, (Urllib3TimeoutError, TimeoutError)):
        return "The API server did not answer in time."
    return f"The connection was cut before the answer was complete: {_cause(error)}."


def _tls_failure(error: Exception, whose: str = "The API server's certificate") -> _Failure:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = visible(cause.verify_message).rstrip(".")
            return _Failure(f"{whose} is not to be trusted: {why}.", check=_CHECK_TRUST)
    # A server may refuse the client's certificate as late as in its answer to the first request.
    return _Failure(f"The encrypted connection failed: {_cause(error)}.", may_have_arrived=True)


def _cause(error: BaseException) -> str:
    """Return what the system says of an error, without what urllib3 puts around it."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and (said := cause.strerror or str(cause)):
            return visible(said[:_LONGEST_MESSAGE]).rstrip(".")
    return visible(str(error)[:_LONGEST_MESSAGE] or type(error).__name__).rstrip(".")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what is behind it."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        behind = (one.__cause__, one.__context__, getattr(one, "original_error", None), *one.args)
        waiting += [other for other in behind if isinstance(other, BaseException)]


def _unknown(request: Request, message: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{message} The request had been sent: what it was to change may have been changed, or not.",
        location=request.location,
        hint="Look at the object before trying again.",
    )


def _status(code: int, body: bytes) -> _Status:
    """Return Kubernetes' ``Status``, or what there is of one: a proxy answers with pages of its own."""
    try:
        value = object_of(body)
    except AnswerError:
        value = {}
    if value.get("kind") != "Status":
        return _Status(code, "", f"It answered {code}, and not as a Kubernetes API server does.", {})
    reason, message, details = value.get("reason"), value.get("message"), value.get("details")
    return _Status(
        code,
        reason if isinstance(reason, str) else "",
        f"{message}" if message else f"It answered {code}.",
        details if isinstance(details, dict) else {},
    )
