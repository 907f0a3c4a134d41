"""The base of all commands: shared options, sections in the help, and exit codes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final

import click

from awsauth import errors as e
from awsauth.cli import invocation as invocations
from awsauth.cli.completion import complete_allow, complete_context
from awsauth.cli.invocation import ChangeOptions, Invocation, OutputFormat
from awsauth.cli.output import Output, OutputError

DONE: Final = 0
FOUND: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
NOT_FOUND: Final = 4
NOT_ALLOWED: Final = 5
CONFLICT: Final = 6
UNREACHED: Final = 7
UNFIT: Final = 8
INTERRUPTED: Final = 130
READER_GONE: Final = 141

# Every code, for the help.
MEANINGS: Final = {
    DONE: "done, or nothing to do",
    FOUND: "`explain --exit-code`, `diff`, `check`, `health`, `migrate status` or a plan found something, or you answered no",
    USAGE: "the command line is wrong, or a file that it names cannot be read",
    REFUSED: "a guard refuses the change, or the change was reverted because a token was refused",
    NOT_FOUND: "the manifest, revision, cluster or role does not exist, or nothing matches",
    NOT_ALLOWED: "not allowed by RBAC, IAM, an admission policy or file permissions",
    CONFLICT: "a conflict with a mapping, with another writer, or with the approved plan",
    UNREACHED: "a service could not be reached, or the outcome is unknown",
    UNFIT: "the text, the manifest or the history cannot be used; or awsauth has a defect",
    INTERRUPTED: "interrupted",
    READER_GONE: "the program that read the output has ended",
}

_ERRORS: Final[dict[int, tuple[type[e.AwsAuthError], ...]]] = {
    USAGE: (e.UsageError, e.InvalidValueError, e.PolicyError, e.PlanError, e.FragmentError),
    REFUSED: (e.GuardError, e.UnprovenHistoryError, e.RevertedError),
    NOT_FOUND: (e.RevisionNotFoundError, e.NotFoundError, e.ClusterNotFoundError, e.RoleError),
    NOT_ALLOWED: (e.AuthenticationError, e.ForbiddenError, e.AdmissionError, e.CredentialsError, e.AwsPermissionError),
    CONFLICT: (e.PlanOutdatedError, e.MappingConflictError, e.ConflictError, e.FileChangedError, e.RevisionTakenError),
    UNREACHED: (
        *(e.KubeconfigError, e.UnreachableError, e.UnavailableError),
        *(e.AwsServiceError, e.OutcomeUnknownError, e.NotRevertedError),
    ),
    UNFIT: (
        *(e.AwsAuthError, e.EditError, e.ManifestError, e.FileError),
        *(e.HistoryError, e.ApiError, e.RecoveryError, e.InternalError),
    ),
}

# The code of each class of errors. Every class is listed, so that the code of a new one is a decision.
CODES: Final = {kind: code for code, kinds in _ERRORS.items() for kind in kinds}

_OF_FILES: Final = {errno.ENOENT: NOT_FOUND, **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), NOT_ALLOWED)}

_CHANGE: Final = "Change"
_CONNECTION: Final = "Connection"
_OUTPUT: Final = "Output"
_WITHOUT_VALUE: Final = "--dry-run"
_ARN: Final = "--arn"
_ALL: Final = tuple(one.option for one in invocations.VARIABLES)


class SectionedOption(click.Option):
    """An option that the help shows in a section of its own."""

    def __init__(self, section: str, names: str, does: str, **attributes: Any) -> None:
        super().__init__(names.split(), help=does, **attributes)
        self.section = section


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value not in (None, (), False, 0):
        invocations.shared_options(ctx)[param.name or ""] = value


def _keep_one(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> None:
    """Keep the value, but refuse two.

    The user might mean the cluster or file that is not used.
    """
    if len(values) > 1:
        raise click.UsageError(f"{param.opts[0]} is given more than once.", ctx)
    _keep(ctx, param, values[0] if values else None)


# Makes an option that the `Invocation` keeps. Of one before and one after the command, the one after it wins.
kept_option: Final = partial(SectionedOption, expose_value=False, callback=_keep)
_change_option: Final = partial(kept_option, _CHANGE)
_output_option: Final = partial(kept_option, _OUTPUT)


@cache
def _target_options(shown: tuple[str, ...]) -> list[SectionedOption]:
    """Return the options that name the target; the help shows those in `shown`."""
    return [
        kept_option(
            _CONNECTION,
            one.option,
            f"{one.help} [{one.environment}]",
            callback=_keep if one.repeated else _keep_one,
            metavar=one.metavar,
            multiple=True,
            hidden=one.option not in shown,
            type=click.Path(readable=False) if one.metavar == "FILE" else str,
            shell_complete=complete_context if one.option == "--context" else None,
        )
        for one in invocations.VARIABLES
    ]


# The options for the output, besides the format.
_SHOWN: Final = (
    _output_option("--quiet-notes", "Hide notes with this code; repeatable.", multiple=True, metavar="CODE"),
    _output_option("--no-color", "No colors, like the variable NO_COLOR.", is_flag=True),
    _output_option("-v --verbose", "Show all details, requests and decisions; -vv shows more.", count=True),
    _output_option("--traceback", "Show the traceback of an error.", is_flag=True),
)


def _shared(outputs: Sequence[str], connection: tuple[str, ...] = _ALL) -> list[SectionedOption]:
    """Return the options of all commands; `connection` are those that the help shows."""
    output_format = _output_option("-o --output", "The output format; text by default.", type=click.Choice(outputs))
    return [*_target_options(connection), output_format, *_SHOWN]


_DRY_RUN: Final = "Only show what would change; with =server the API server checks it too."
_GUARD: Final[Any] = {"metavar": "GUARD[=PRINCIPAL]", "multiple": True, "shell_complete": complete_allow}
_VERIFY: Final = "Also wait for a new token of this role; repeatable."
_REVERT: Final = "Revert the change if a new token, yours or one of --verify, is still refused by then."
_SECONDS: Final[Any] = {"metavar": "SECONDS", "type": float, "default": 0.0}

# The options of changes that always make a revision, of all other changes, and of changes that can be waited for.
RECORDED: Final = (
    _change_option("-y --yes", "Do not ask.", is_flag=True),
    _change_option(_WITHOUT_VALUE, _DRY_RUN, metavar="[=server]", type=click.Choice(["client", "server"])),
    _change_option("--reason", "Why; stored with the revision.", metavar="TEXT", default=""),
    _change_option("--allow", "Permit what this guard refuses; repeatable.", **_GUARD),
    _change_option("--normalize", "First make a file's text editable, as `awsauth fmt` does.", is_flag=True),
)
CHANGE: Final = (
    *RECORDED,
    _change_option("--no-history", "Store no revision: a rollback cannot restore this state.", is_flag=True),
)
VERIFIED: Final = (
    _change_option("--wait", "Wait until a new token shows the change, at most 3600.", **_SECONDS),
    _change_option("--verify", _VERIFY, metavar="ROLE-ARN", multiple=True),
    _change_option("--revert-after", _REVERT, **_SECONDS),
)


class _Sectioned(click.Command):
    """A command whose help shows the shared options in sections.

    Attributes:
        outputs: Its output formats; for a group, those of its commands.
    """

    outputs: Sequence[OutputFormat] = ("text", "json", "markdown")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], _CHANGE: [], _CONNECTION: [], _OUTPUT: []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections[getattr(param, "section", "Options")].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class AwsAuthCommand(_Sectioned):
    """A command with the shared options.

    Args:
        library: The call of the library that does the same, for the help.
        changes: The options of a change, if it makes one.
        writes: Whether it changes something, although it does not have the options of a change.
        connection: The options of the connection that its help shows. It refuses the others itself.
        outputs: Its output formats.
    """

    def __init__(
        self,
        *args: Any,
        library: str,
        changes: Sequence[SectionedOption] = (),
        writes: bool = False,
        connection: tuple[str, ...] = _ALL,
        outputs: Sequence[OutputFormat] = _Sectioned.outputs,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.library = library
        self.outputs = outputs
        self.changes = bool(changes)
        self.writes = writes or self.changes
        self.params += [*changes, *_shared(outputs, connection)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, with the default value of ``--dry-run``.

        An only argument that is an ARN may follow ``--arn``.
        """
        end = args.index("--") if "--" in args else len(args)
        words, rest = args[:end], args[end:]
        arguments = [param for param in self.params if isinstance(param, click.Argument)]
        if len(arguments) == 1 and "ARN" in arguments[0].make_metavar(ctx):
            words = [word.removeprefix(f"{_ARN}=") for word in words if word != _ARN]
        if self.changes:
            words = [f"{word}=client" if word == _WITHOUT_VALUE else word for word in words]
        return super().parse_args(ctx, words + rest)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with an `Invocation`. Errors become text and an exit code."""
        ctx.obj = invocation_of(ctx)
        if ctx.obj.output not in self.outputs:
            raise click.UsageError(f"This command cannot print {ctx.obj.output}.", ctx)
        is_for_show = any(map(ctx.params.get, ("dry_run", "check_only"))) or ctx.params.get("fix") is False
        ctx.obj.may_change = self.writes and not (is_for_show or ctx.obj.how.dry_run or ctx.obj.how.out)
        if verbosity := ctx.obj.screen.verbosity:
            from awsauth.system.debug_log import debug_messages_to

            ctx.with_resource(debug_messages_to(ctx.obj.screen.tell, is_detailed=verbosity > 1))
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError, OutputError):
            raise
        except (click.Abort, KeyboardInterrupt):
            ctx.obj.screen.tell(f"\nInterrupted. {ctx.obj.if_interrupted}")
            ctx.exit(INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - every error becomes text and an exit code
            from awsauth.cli.errors import show_error

            code = code_of(error)
            show_error(error, ctx.obj, code)
            ctx.exit(code)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the call of the library."""
        super().format_epilog(ctx, formatter)
        with formatter.section("In Python"):
            formatter.write(f"{'':{formatter.current_indent}}{self.library}\n")


def awsauth_command(name: str, call: str, **attributes: Any) -> Callable[[Callable[..., int | None]], AwsAuthCommand]:
    """Return a decorator for a function that takes the `Invocation` first.

    The function returns the exit code; None stands for 0.
    """
    make = click.command(name, cls=AwsAuthCommand, library=call, **attributes)
    return lambda function: make(click.make_pass_decorator(Invocation)(function))


def choice(name: str, values: Sequence[str], default: str, does: str) -> Callable[[Any], Any]:
    """Return a decorator for an option with a choice of values."""
    return click.option(name, type=click.Choice(values), default=default, show_default=True, help=does)


class AwsAuthGroup(_Sectioned, click.Group):
    """A group of commands, which takes the shared options too."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params += _shared(self.outputs)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands before the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)


def invocation_of(ctx: click.Context) -> Invocation:
    """Return an invocation with the values of the shared options."""
    options = invocations.shared_options(ctx)
    is_for_github = os.environ.get("GITHUB_ACTIONS") == "true" and "github" in getattr(ctx.command, "outputs", ())
    is_plain = "no_color" in options or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Invocation(
        command=ctx.command_path.removeprefix(ctx.find_root().command_path).strip(),
        target=invocations.resolve_target(options),
        output=options.get("output", "github" if is_for_github else "text"),
        traceback="traceback" in options,
        quiet_notes=options.get("quiet_notes", ()),
        screen=Output(colored=not is_plain, verbosity=options.get("verbose", 0)),
        normalizes="normalize" in options,
        how=ChangeOptions(**{name: options[name] for name in ChangeOptions._fields if name in options}),
    )


def code_of(error: BaseException) -> int:
    """Return the exit code for an error."""
    if type(error) is e.FileError and error.errno in _OF_FILES:
        return _OF_FILES[error.errno]
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), UNFIT)
