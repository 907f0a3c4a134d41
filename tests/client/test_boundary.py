"""Only errors of this library leave a public call, whatever values and texts it meets."""

from __future__ import annotations

import inspect
import os
import re
import traceback
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import awsauth
from awsauth.boundary import public
from awsauth.core.document import fast_reader as plain, full_reader as full
from awsauth.core.edit.changes import BaseChange
from awsauth.errors import AwsAuthError, InternalError, UsageError
from tests.support.command_line import manifest_in, run
from tests.support.documents.strategies import broken_texts, documents, examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


ROLE: Final = "arn:aws:iam::111122223333:role/ci"
LARGE: Final = 10**5_000
"""A number with more digits than Python shows."""

HOSTILE: Final = '- {"": x, y: .nan}'
"""A text that the authenticator cannot read, as JSON has no such number."""

PLAIN: Final = frozenset(("MappingEntry", "RoleMapping", "SsoMatch", "UserMapping"))
"""Values whose properties only give back a field."""

PURE: Final = frozenset(
    ("diff", "explain", "fixes", "lint", "merge", "list_mappings", "load_plan_or_changes", "who_can")
)
"""Functions that take no target."""

TARGETS: Final = ("from_environment", "from_kubeconfig", "in_cluster", "from_api_client", "from_eks", "from_file")
"""The methods that make a client of something outside this process."""

EXAMPLES: Final = settings(
    max_examples=int(os.environ.get("AWSAUTH_EXAMPLES", "150")),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class Awkward:
    """An object of no use as a value, which text conversion shows safely."""

    def __repr__(self) -> str:
        return "Awkward()"


odd_texts = st.one_of(
    st.sampled_from(["", " ", "\0", "\ud800", "*" * 2_000, "[" * 5_000, "9" * 5_000, HOSTILE, ROLE, "{{", "1e999999"]),
    st.text(max_size=20),
)
odd_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.builds(pow, st.just(10), st.just(5_000)), st.floats(), st.binary(max_size=9), odd_texts,
        st.builds(Awkward), st.just(len),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3) | st.tuples(inner),
    max_leaves=4,
)  # fmt: skip
odd_data = st.dictionaries(
    st.sampled_from(["mapRoles", "mapUsers", "mapAccounts", ""]) | odd_texts,
    odd_texts | broken_texts("mapRoles"),
    max_size=3,
)
"""The ``data`` of a ConfigMap, mostly broken."""


def public_names() -> Iterator[tuple[str, Any]]:
    """Yield what this library offers, but for its errors, changes and names of types."""
    for name in awsauth.__all__:
        member = getattr(awsauth, name)
        is_class = inspect.isclass(member)
        if is_class and (issubclass(member, (AwsAuthError, BaseChange, Enum)) or hasattr(member, "__total__")):
            continue
        if is_class or inspect.isfunction(member):
            yield name, member


def methods_of(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods and properties of a class that are written in this library."""
    for name, member in (
        inspect.getmembers_static(kind) if hasattr(inspect, "getmembers_static") else inspect.getmembers(kind)
    ):
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        is_ours = inspect.isfunction(function) and function.__module__.startswith("awsauth")
        if is_ours and (not name.startswith("_") or name in ("__str__", "__exit__")):
            yield name, function


def is_guarded(function: Callable[..., Any]) -> bool:
    return hasattr(function, "__wrapped__") or hasattr(function, "is_unguarded")


def arguments_of(function: Callable[..., Any], odd: st.SearchStrategy[Any] = odd_values) -> st.SearchStrategy[Any]:
    """Return arguments that fit a signature, with values of any kind; of optional ones at most three."""
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name not in ("self", "cls")]
    named = {
        one.name: odd for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD or one.kind is one.KEYWORD_ONLY
    }
    required = {one.name for one in parameters if one.default is one.empty and one.name in named}
    fixed = st.fixed_dictionaries(dict.fromkeys(sorted(required), odd))
    optional = sorted(named.keys() - required)
    more = st.dictionaries(st.sampled_from(optional), odd, max_size=3) if optional else st.just({})
    return st.tuples(fixed, more).map(lambda both: {**both[1], **both[0]})


def called(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call a function; anything but an error of this library fails the test."""
    try:
        return function(*args, **named)
    except InternalError as error:
        pytest.fail("".join(traceback.format_exception(error)))
    except AwsAuthError as error:
        assert str(error)
    return None


def looked_at(value: Any) -> None:
    """Use everything that a value offers without arguments."""
    called(str, value)
    for name, function in methods_of(type(value)):
        parameters = list(inspect.signature(function).parameters.values())[1:]
        if isinstance(inspect.getattr_static(type(value), name), property):
            called(getattr, value, name)
        elif not any(one.default is one.empty for one in parameters if one.kind is not one.VAR_KEYWORD):
            called(getattr(value, name))


def test_every_public_function_method_and_property_is_guarded() -> None:
    bare = [name for name, member in public_names() if inspect.isfunction(member) and not is_guarded(member)]
    bare += [
        f"{name}.{method}"
        for name, member in public_names()
        if inspect.isclass(member) and name not in PLAIN
        for method, function in methods_of(member)
        if not is_guarded(function)
    ]
    assert bare == []


@pytest.mark.parametrize("name", sorted(PURE))
def test_functions_without_a_target_take_arguments_of_any_kind(name: str) -> None:
    function = getattr(awsauth, name)

    @EXAMPLES
    @given(arguments_of(function))
    def law(arguments: dict[str, Any]) -> None:
        called(function, **arguments)

    law()


@examples(200)
@given(data=st.data())
def test_a_clients_methods_take_arguments_of_any_kind(data: st.DataObject) -> None:
    client = awsauth.AwsAuthClient.in_memory({"mapRoles": f"- rolearn: {ROLE}\n  username: ci\n"})
    methods = [
        (owner, name, function)
        for owner in (client, client.planning)
        for name, function in methods_of(type(owner))
        if not name.startswith(("from_", "in_", "__")) and name != "planning"
    ]
    owner, name, function = data.draw(st.sampled_from(methods))
    named = data.draw(arguments_of(function))
    if isinstance(inspect.getattr_static(type(owner), name), property):
        looked_at(called(getattr, owner, name))
    else:
        looked_at(called(getattr(owner, name), **named))


@pytest.fixture
def nothing_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing_around: None) -> None:  # noqa: ARG001
    """No cluster and no credentials are found, so that nothing is sent; files are looked for in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.usefixtures("nothing_outside")
@examples(200)
@given(data=st.data())
def test_functions_with_a_target_take_arguments_of_any_kind(data: st.DataObject) -> None:
    functions = [getattr(awsauth.AwsAuthClient, name) for name in TARGETS]
    functions += [member for name, member in public_names() if inspect.isfunction(member) and name not in PURE]
    function = data.draw(st.sampled_from(functions))
    called(function, **data.draw(arguments_of(function)))


@examples(200)
@given(data=st.data())
def test_changes_policies_and_plans_take_values_of_any_kind(data: st.DataObject) -> None:
    kinds: tuple[Callable[..., Any], ...] = (
        *BaseChange.__subclasses__(), awsauth.Caller, awsauth.Document, awsauth.Plan.from_json, awsauth.Plan.from_text,
        awsauth.Policy, awsauth.Policy.from_text, awsauth.RoleMapping, awsauth.SsoMatch, awsauth.UserMapping,
    )  # fmt: skip
    kind = data.draw(st.sampled_from(kinds))
    called(kind, **data.draw(arguments_of(kind)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: awsauth.EnsureAccount(account=LARGE), "account is `<int>`"),  # type: ignore[arg-type]
        (lambda: awsauth.AwsAuthClient.in_memory().show(LARGE), "revision is `<int>`"),
        (lambda: awsauth.recover("prod", rollback_to=LARGE), "rollback_to is `<int>`"),
        (lambda: awsauth.ensure_instance_role(LARGE), "`<int>` is not the name of a role"),  # type: ignore[arg-type]
        (lambda: awsauth.lint(awsauth.Document({LARGE: ""})), "data has the key `<int>`"),  # type: ignore[dict-item]
        (lambda: awsauth.AwsAuthClient.in_memory().add_node_role(ROLE, kind={}), "`{}` is not a kind of node"),  # type: ignore[arg-type]
        (lambda: awsauth.AwsAuthClient.from_kubeconfig(path=("a",)), "path is `('a',)`"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_in_a_usage_error(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (IndexError("x"), "awsauth met a IndexError that it does not handle."),
        (
            UnicodeDecodeError("utf-8", b"secret", 0, 1, "bad"),
            "awsauth met a UnicodeDecodeError that it does not handle.",
        ),
        (TypeError("inside"), "awsauth met a TypeError that it does not handle."),
        (MemoryError(), "There is not enough memory for this call."),
        (RecursionError(), "The call stack is exhausted: the input or the calling code is nested too deeply."),
    ],
)
def test_a_python_exception_leaves_as_an_error_of_this_library(raised: Exception, message: str) -> None:
    """Its text stays behind, in the cause, with the traceback: it may hold a secret."""

    @public
    def fail() -> None:
        raise raised

    with pytest.raises(InternalError) as caught:
        fail()
    assert caught.value.message == message
    assert caught.value.__cause__ is raised
    assert raised.__traceback__ is not None
    assert "secret" not in str(caught.value)


def test_errors_of_this_library_interrupts_and_wrong_calls_pass() -> None:
    @public
    def fail(error: BaseException) -> None:
        raise error

    for error in (UsageError("x"), KeyboardInterrupt(), SystemExit(1)):
        with pytest.raises(type(error)) as caught:
            fail(error)
        assert caught.value is error
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        fail(nothing=1)  # type: ignore[call-arg]


def test_a_wrong_call_of_a_public_function_is_a_type_error() -> None:
    """It is not taken for an internal error, whatever decorates the function."""
    functions = [value for name in awsauth.__all__ if inspect.isfunction(value := getattr(awsauth, name))]
    assert awsauth.diff in functions
    for function in functions:
        with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
            function(nothing=1)


def test_the_signature_and_the_text_of_a_guarded_function_stay() -> None:
    assert list(inspect.signature(awsauth.merge).parameters) == ["document", "changes"]
    assert (awsauth.merge.__doc__ or "").startswith("Return the document with all changes made")
    assert (awsauth.Document.roles.__doc__ or "").startswith("The role mappings")


@EXAMPLES
@given(data=odd_data | documents, other=odd_data)
def test_documents_of_any_text(data: dict[str, str], other: dict[str, str]) -> None:
    """Read, checked, explained, compared, shown, changed and repaired."""
    document = called(awsauth.Document, data)
    if document is None:
        return
    looked_at(document)
    for mapped in called(lambda: document.roles) or ():
        looked_at(mapped)
    for finding in called(awsauth.lint, document) or ():
        looked_at(finding)
    for caller in (ROLE, "arn:aws:iam::111122223333:user/a"):
        looked_at(called(awsauth.explain, document, caller))
    for listed in called(awsauth.list_mappings, document) or ():
        looked_at(listed)
    looked_at(called(awsauth.who_can, document, group="system:masters"))
    called(awsauth.fixes, document)
    looked_at(called(awsauth.diff, document, awsauth.Document(other)))
    ensure = awsauth.EnsureRole(role_arn=ROLE, username="ci", groups=["view"])
    called(awsauth.merge, document, [ensure])
    called(awsauth.merge, document, [awsauth.Deduplicate()])
    repaired = awsauth.merge(document, [awsauth.ReplaceText(key="mapRoles", text="[]\n")])
    assert repaired.roles == ()


ENDS: Final = (IndexError, KeyError, RecursionError, MemoryError, UnicodeError, ValueError, OverflowError)


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("location", ["memory", "file"])
def test_what_no_reader_can_read_is_repaired_and_rolled_back(
    kind: type[Exception], location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of a reader costs the mappings of that text, and never the way out."""
    data = {"mapRoles": f"- rolearn: {ROLE}\n  username: ci\n", "mapUsers": "[]\n"}
    file = manifest_in(tmp_path, **data)
    client = awsauth.AwsAuthClient.in_memory(data) if location == "memory" else awsauth.AwsAuthClient.from_file(file)
    client.add_role_mapping(f"{ROLE}2", username="ci2")
    broken = awsauth.ReplaceText(key="mapRoles", text="- &broken {}\n")
    real = full.read_fully, plain.read_fast

    def reading(index: int) -> Callable[..., Any]:
        def read(key: Any, text: str) -> Any:
            if text == broken.text:
                raise kind("on purpose")
            return real[index](key, text)

        return read

    repair = awsauth.ReplaceText(key="mapRoles", text=data["mapRoles"])
    ways: list[Callable[[], awsauth.Result]] = [
        lambda: client.apply(repair, allow=["unreadable"]),
        lambda: client.rollback(exact=True),
    ]
    for back in ways:
        client.apply(broken, allow=["unreadable", "node-mapping", "last-admin"])
        with monkeypatch.context() as failing:
            failing.setattr(full, "read_fully", reading(0))
            failing.setattr(plain, "read_fast", reading(1))
            (finding,) = client.read().problems
            assert (finding.code, kind.__name__ in finding.message) == ("untrusted", True)
            assert client.read().roles == ()
            assert client.check()
            assert not client.explain(ROLE).groups
            assert back().changed
        assert ROLE in [role.role_arn for role in client.read().roles]


def test_the_command_line_reports_a_text_that_was_not_readable(tmp_path: Path) -> None:
    done = run("check", "--file", str(manifest_in(tmp_path, mapRoles=HOSTILE)))
    assert (done.code, "JSON has no infinity" in done.out) == (1, True), done
