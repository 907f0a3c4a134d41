"""Importing awsauth is cheap, its names are stable, and its core stays pure."""

from __future__ import annotations

import pkgutil
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import grimp
import pytest

import awsauth
from tests.support.imports import MODULES_OF, in_new_interpreter, is_below

PACKAGE = Path(awsauth.__file__).parent
SUBMODULES = sorted(module.name for module in pkgutil.walk_packages([str(PACKAGE)], "awsauth."))
NOT_FOR_PLAIN_TEXT = (
    "pydantic",
    "yaml",
    "awsauth.core.document.full_reader",
    "awsauth.core.goyaml.libyaml_nodes",
    "awsauth.client",
    "hashlib",
)
NOT_FOR_A_FILE = (
    *("boto3", "botocore", "click", "kubernetes", "pydantic", "pydantic_core", "requests", "rich", "ruamel", "urllib3"),
    *("asyncio", "concurrent", "email", "http", "importlib.metadata", "logging", "multiprocessing", "socket", "ssl"),
    *("base64", "pathlib", "subprocess", "typing_extensions", "urllib", "uuid", "xml", "yaml", "zipfile"),
    *("awsauth.aws", "awsauth.cli", "awsauth.connections.kubernetes", "awsauth.kube", "awsauth.stores.cluster"),
    *(
        "awsauth.core.entries",
        "awsauth.core.explain.explain",
        "awsauth.core.document.full_reader",
        "awsauth.core.lint.lint",
        "awsauth.core.mappings",
        "awsauth.core.plan",
    ),
    "awsauth.core.access.caller",
    *("awsauth.core.lint.policy", "awsauth.core.revisions.restore", "awsauth.core.lint.rules"),
    *("awsauth.history.log", "awsauth.history.rollback"),
)
HEAVY = ("boto3", "botocore", "click", "kubernetes", "pydantic", "rich", "ruamel", "urllib3", "yaml")


@pytest.mark.parametrize("package", HEAVY)
def test_importing_awsauth_does_not_load(package: str, loaded_by_awsauth: list[str]) -> None:
    assert [name for name in loaded_by_awsauth if name.partition(".")[0] == package] == []


@pytest.fixture(scope="module")
def loaded_by_awsauth() -> list[str]:
    """Return what `import awsauth` loads, without what the interpreter had loaded before (a .pth file may load much)."""
    return in_new_interpreter(
        "import json, sys; before = set(sys.modules); import awsauth; print(json.dumps(sorted(set(sys.modules) - before)))"
    )


@pytest.mark.parametrize("module", NOT_FOR_A_FILE)
def test_changing_a_file_does_not_load(module: str, loaded_by_a_file: list[str]) -> None:
    """A step of a deployment starts a process for one change, so whatever is loaded for it is waited for."""
    assert [name for name in loaded_by_a_file if is_below(name, {module})] == []


def test_a_change_of_a_plain_text_loads_no_parser() -> None:
    """Most documents are read and edited without a YAML parser."""
    change = """
import awsauth
change = awsauth.EnsureRole(role_arn="arn:aws:iam::111122223333:role/a", username="a", groups=["a"])
data = {"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/b\\n  username: b\\n"}
str(awsauth.diff(awsauth.Document(data), awsauth.merge(awsauth.Document(data), [change])))
"""
    loaded = in_new_interpreter(MODULES_OF.format(change=change))
    assert [name for name in loaded if is_below(name, set(NOT_FOR_PLAIN_TEXT))] == []


@pytest.fixture(scope="module")
def loaded_by_a_file(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what one change to a manifest file loads, revision included."""
    manifest = tmp_path_factory.mktemp("hot") / "aws-auth.yaml"
    manifest.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\ndata:\n  mapRoles: |\n"
        "    - rolearn: arn:aws:iam::111122223333:role/b\n      username: b\n",
        encoding="utf-8",
    )
    change = f"""
import awsauth
for name in ("a", "c"):  # the second one finds a history
    awsauth.add_role_mapping(f"arn:aws:iam::111122223333:role/{{name}}", username=name, groups=["a"], file={str(manifest)!r})
"""
    return in_new_interpreter(MODULES_OF.format(change=change))


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports in functions and for types count, too. Only errors hold findings, and these hold changes."""
    graph = grimp.build_graph("awsauth", cache_dir=None)
    graph.remove_import(importer="awsauth.errors", imported="awsauth.core.findings")
    graph.remove_import(importer="awsauth.core.findings", imported="awsauth.core.edit.changes")
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len([*TopologicalSorter(imports).static_order()]) > 150


def test_no_submodule_takes_the_place_of_a_public_name() -> None:
    """After `import awsauth.x`, Python binds `awsauth.x` to the module, whatever the name meant before."""
    modules = in_new_interpreter(
        f"""
import importlib, json, types
for name in {SUBMODULES!r}:
    importlib.import_module(name)
import awsauth
print(json.dumps([name for name in awsauth.__all__ if isinstance(getattr(awsauth, name), types.ModuleType)]))
"""
    )
    assert modules == []


def test_public_names_are_sorted_and_listed_by_dir() -> None:
    assert list(awsauth.__all__) == sorted(awsauth.__all__)
    assert set(awsauth.__all__) <= set(dir(awsauth))


def test_a_public_name_is_the_same_object_each_time() -> None:
    """A lazy name that is made anew would break `isinstance` and `except`."""
    assert [name for name in awsauth.__all__ if getattr(awsauth, name) is not getattr(awsauth, name)] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(awsauth, "no_such_" + "name")


def test_the_version_is_the_installed_distributions() -> None:
    assert awsauth.__version__ == version("eks-aws-auth")


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
