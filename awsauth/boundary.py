"""The public boundary: only errors of this library leave a public call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from types import FunctionType
from typing import Any, Final, TypeVar, cast

from awsauth.errors import AwsAuthError, InternalError

_T = TypeVar("_T")
_F = TypeVar("_F", bound="Callable[..., Any]")

# Methods with an underscore that users call.
_SPECIAL: Final = frozenset(("__init__", "__post_init__", "__enter__", "__exit__", "__str__"))


# The attributes in which an exception keeps its cause.
_BEHIND: Final = ("__cause__", "__context__", "reason", "original_error")


class _Unset:
    """The default of an omitted option, as `inspect` shows it."""

    def __repr__(self) -> str:
        return "<default>"


_UNSET: Final = _Unset()

_REPORT: Final = (
    "Check the values that you passed. If they are right, report this with the traceback. "
    "If the call writes, look at `aws-auth` before you repeat it."
)


def public(member: _T) -> _T:
    """Guard a public function, or a class with its public methods and properties.

    It decorates classes, except kinds of `JsonValue`, which are guarded by themselves. Functions are guarded where the
    package offers them (``awsauth/__init__.py``).

    Every exception but an `AwsAuthError` becomes an `InternalError` with the exception as its cause. A call whose
    arguments do not fit the signature raises Python's own `TypeError`. Keywords of ``**options: Unpack[Options]`` are
    part of the signature, each on its own. Put it below ``@dataclass``, so that generated methods stay fast.
    """
    if not isinstance(member, type):
        return cast("_T", _guarded(cast("Callable[..., Any]", member)))
    for name, value in list(vars(member).items()):
        if not name.startswith("_") or name in _SPECIAL:
            setattr(member, name, _guarded_member(value))
    return cast("_T", member)


def unguarded(function: _F) -> _F:
    """Mark a method that `public` leaves as it is.

    It raises nothing, or only the package calls it.
    """
    function.is_unguarded = True  # type: ignore[attr-defined]
    return function


def caused_by(error: Exception) -> InternalError:
    """Return the error for an unexpected exception.

    The exception's text is left out, because it may hold a secret.
    """
    if isinstance(error, MemoryError):
        made = InternalError("There is not enough memory for this call.", hint="Give the process more memory.")
    elif isinstance(error, RecursionError):
        message = "The call stack is exhausted: the input or the calling code is nested too deeply."
        made = InternalError(message, hint=_REPORT)
    else:
        made = InternalError(f"awsauth met a {type(error).__name__} that it does not handle.", hint=_REPORT)
    made.location = _origin(error)
    made.__cause__ = error
    return made


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors behind it, the nearest first.

    botocore and urllib3 keep the cause in attributes or arguments of their own.
    """
    seen: set[int] = set()
    level = [error]
    while level:
        yield from level
        seen.update(map(id, level))
        kept = [getattr(one, name, None) for one in level for name in _BEHIND]
        kept += [value for one in level for value in (*one.args, *getattr(one, "kwargs", {}).values())]
        level = [one for one in kept if isinstance(one, BaseException) and id(one) not in seen]


def _guarded_member(value: Any) -> Any:
    if isinstance(value, (classmethod, staticmethod)):
        return type(value)(_guarded(value.__func__))
    if isinstance(value, property) and value.fget is not None:
        return property(_guarded(value.fget), value.fset, value.fdel, value.__doc__)
    return _guarded(value) if isinstance(value, FunctionType) else value


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(function, "is_unguarded"):
        return function
    keywords, code = _keywords(function), function.__code__
    # Python refuses no keyword of a function with `**`, so this refuses those that the `TypedDict` lacks.
    known = {*keywords, *code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]} if keywords else set()

    @wraps(function)
    def guarded(*args: Any, **named: Any) -> Any:
        if known and not known.issuperset(named):
            unknown = next(name for name in named if name not in known)
            raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {unknown!r}")
        try:
            return function(*args, **named)
        except AwsAuthError:
            raise
        except Exception as error:
            trace = error.__traceback__
            if isinstance(error, TypeError) and trace is not None and trace.tb_next is None:
                raise  # the arguments do not fit the signature: the function never ran
            raise caused_by(error) from error

    if keywords:
        # `inspect` follows it to the signature.
        vars(guarded)["__wrapped__"] = _Unpacked(function)
    return guarded


class _Unpacked:
    """Shows `inspect` each keyword of a function that unpacks a `TypedDict`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function

    @property
    def __signature__(self) -> Any:
        from inspect import Parameter, signature  # only `help` and the like need it, and it takes long to load

        taken = signature(self.__wrapped__)
        hints = _keywords(self.__wrapped__).items()
        named = [Parameter(name, Parameter.KEYWORD_ONLY, default=_UNSET, annotation=hint) for name, hint in hints]
        return taken.replace(parameters=[*list(taken.parameters.values())[:-1], *named])


def _keywords(function: Callable[..., Any]) -> dict[str, str]:
    """Return the keywords, with types, that a function takes from a `TypedDict`."""
    unpacked = next((kind for kind in function.__annotations__.values() if str(kind).startswith("Unpack[")), "")
    if not unpacked:
        return {}
    hints = function.__globals__[unpacked.removeprefix("Unpack[").removesuffix("]")].__annotations__
    return {name: getattr(hint, "__forward_arg__", hint) for name, hint in hints.items()}


def _origin(error: Exception) -> str:
    """Return the last module and line of this library in a traceback."""
    found, trace = "", error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.startswith("awsauth.") and module != __name__:
            found = f"{module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found
