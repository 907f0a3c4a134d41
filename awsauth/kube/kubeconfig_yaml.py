"""The YAML of kubeconfigs, and of what hands out credentials: read as kubectl does, and never shown in an error.

Source of the rules: ``sigs.k8s.io/yaml``, which is goyaml into JSON.
"""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import yaml

_DEEPEST: Final = 100
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT: Final = "tag:yaml.org,2002:str"
_TEXTS: Final = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")


def decoded(raw: bytes) -> str:
    """Return the text of a file.

    Raises:
        ValueError: it is none.
    """
    try:
        return raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8, nor in UTF-16 with a byte order mark") from None


def parsed(text: str) -> Any:
    """Return what YAML means to kubectl: its first document, in which times and the like are texts.

    Raises:
        ValueError: it is no YAML, or nested too deep; told without anything that stands in it.
    """
    import yaml

    try:
        if not _is_too_deep(text):
            return next(yaml.load_all(text, _loader()), None)
    except yaml.YAMLError as error:
        raise ValueError(_no_yaml(error)) from None
    except (ValueError, LookupError, AttributeError):  # of a tag such as `!!bool` on what is none
        raise ValueError("it is no YAML") from None
    raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _is_too_deep(text: str) -> bool:
    """Whether YAML is nested so deep that loading it would end the process: the loader calls itself for each level."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return True
    return False


def _no_yaml(error: Exception) -> str:
    """Return where a text is no YAML, and why as far as that shows nothing of it."""
    import yaml

    if not isinstance(error, yaml.MarkedYAMLError):
        return "it is no YAML"
    mark = error.problem_mark or error.context_mark
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    # Others name the alias, or the tag, and that might be a credential without its quotes.
    is_of_form = isinstance(error, (yaml.scanner.ScannerError, yaml.parser.ParserError))
    return f"it is no YAML{place}" + (f" ({error.problem})" if is_of_form else "")


@cache
def _loader() -> type[yaml.CSafeLoader]:
    import yaml

    class Loader(yaml.CSafeLoader):
        """Takes for texts what goyaml, and so kubectl, takes for texts."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            is_sexagesimal = kind is yaml.ScalarNode and tag in _NUMBERS and ":" in value
            return _TEXT if is_sexagesimal or tag in _TEXTS else tag

    return Loader
