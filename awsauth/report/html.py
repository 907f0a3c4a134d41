"""An access report as one HTML page, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from awsauth.core.document.index import grouped
from awsauth.core.report.summary import KINDS, UNCHECKED
from awsauth.core.serialization import sha256_of
from awsauth.core.text.display import visible
from awsauth.errors import UsageError
from awsauth.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

    from awsauth.core.report.rows import AccessReport


def report_as_html(report: AccessReport) -> str:
    """Return the report as a page, in ASCII. The texts of others are escaped.

    Raises:
        UsageError: jinja2 is not installed.
    """
    template = _template()
    from markupsafe import Markup  # jinja2 brings it

    style, script = (files(__package__).joinpath(f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    rights = [{one.right for one in row.rights} for row in report.principals]
    found = [*(one for row in report.principals for one in row.findings), *report.findings]
    page = template.render(
        report=report,
        counts={kind: count for kind in KINDS if (count := sum(kind in row for row in rights))},
        subjects=grouped((one.subject, one.binding) for row in report.principals for one in row.roles or ()),
        numbers={one: number for number, one in enumerate(dict.fromkeys(found), 1)},
        anchor=lambda value: sha256_of(value)[:12],
        unchecked=UNCHECKED,
        version=__version__,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        hash=_hash,
    )
    return page.encode("ascii", "xmlcharrefreplace").decode()


@cache
def _template() -> Template:
    """Return the template of the page. It takes longer to compile than to fill in."""
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError as error:
        hint = "Install the extra `report`: pip install 'eks-aws-auth[report]'."
        raise UsageError("HTML needs jinja2, which is not installed.", hint=hint) from error

    def shown(value: object) -> object:
        return visible(value, keep="\n") if isinstance(value, str) else visible(str(value))

    environment = Environment(loader=PackageLoader("awsauth", "report"), autoescape=True, finalize=shown)
    return environment.get_template("report.html.j2")


def _hash(text: str) -> str:
    """Return the source of a text for a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
