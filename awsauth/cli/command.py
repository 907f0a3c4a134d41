"""What all commands have in common: the options that say where and how, and help in sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import click

from awsauth.cli.completion import complete_allow, complete_context
from awsauth.cli.exit_codes import INTERRUPTED, READER_GONE, code_of
from awsauth.cli.invocation import Invocation, OutputFormat
from awsauth.cli.output import Output, OutputError, drop_output, show_debug_messages
from awsauth.cli.target import VARIABLES, resolve_target, shared_options

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

_CHANGE: Final = "Change"
_CONNECTION: Final = "Connection"
_OUTPUT: Final = "Output"
_WITHOUT_VALUE: Final = "--dry-run"
_ONLY_SHOWING: Final = ("dry_run", "out", "check_only")
_ARN: Final = "--arn"
_ALL: Final = frozenset(one.option for one in VARIABLES)


class SectionedOption(click.Option):
    """An option that stands in a section of the help of its own."""

    def __init__(self, *names: str, section: str, **attributes: Any) -> None:
        super().__init__(list(names), **attributes)
        self.section = section


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value not in (None, (), False, 0):
        shared_options(ctx)[param.name or ""] = value


def _keep_one(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> None:
    """Keep what is said once: of two clusters or files, nobody should take the one that was left out for the one meant."""
    if len(values) > 1:
        raise click.UsageError(f"{param.opts[0]} is given more than once; nothing was contacted.", ctx)
    _keep(ctx, param, values[0] if values else None)


def _shared_option(
    *names: str, section: str, callback: Callable[..., None] = _keep, **attributes: Any
) -> SectionedOption:
    """Return an option that may stand before or behind the command: what is said behind it counts."""
    return SectionedOption(*names, section=section, expose_value=False, callback=callback, **attributes)


def _shared(outputs: Sequence[str], connection: Container[str] = _ALL) -> Iterator[SectionedOption]:
    """Yield the options that all commands have, before or behind the command's name; `connection` are those to show."""
    for one in VARIABLES:
        completion = {"shell_complete": complete_context} if one.option == "--context" else {}
        yield _shared_option(
            one.option,
            section=_CONNECTION,
            metavar=one.metavar,
            help=f"{one.help} [{one.environment}]",
            multiple=True,
            callback=_keep if one.repeated else _keep_one,
            hidden=one.option not in connection,
            type=click.Path(readable=False) if one.metavar == "FILE" else str,
            **completion,
        )
    yield _shared_option(
        "-o", "--output", section=_OUTPUT, type=click.Choice(outputs), help="How to print; text by default."
    )
    yield _shared_option(
        "--quiet-notes",
        section=_OUTPUT,
        multiple=True,
        metavar="CODE",
        help="Do not show notes with this code; repeatable.",
    )
    yield _shared_option("--no-color", section=_OUTPUT, is_flag=True, help="No colours, like the variable NO_COLOR.")
    yield _shared_option(
        "-v",
        "--verbose",
        section=_OUTPUT,
        count=True,
        help="Show all details, and requests and decisions; -vv shows more.",
    )
    yield _shared_option("--traceback", section=_OUTPUT, is_flag=True, help="Of an error, show the traceback.")


def _changing(*, may_be_unrecorded: bool) -> Iterator[SectionedOption]:
    """Yield the options of commands that change something."""
    yield SectionedOption("-y", "--yes", section=_CHANGE, is_flag=True, help="Do not ask.")
    yield SectionedOption(
        _WITHOUT_VALUE,
        section=_CHANGE,
        metavar="[=server]",
        type=click.Choice(["client", "server"]),
        help="Only show what would change; with =server the API server looks at it too.",
    )
    yield SectionedOption("--reason", section=_CHANGE, metavar="TEXT", default="", help="Why; kept with the revision.")
    yield SectionedOption(
        "--allow",
        section=_CHANGE,
        metavar="GUARD[=PRINCIPAL]",
        multiple=True,
        help="A guard that is to let it pass; repeatable.",
        shell_complete=complete_allow,
    )
    yield _shared_option(
        "--normalize", section=_CHANGE, is_flag=True, help="Make a file's text editable first, as `awsauth fmt` does."
    )
    if may_be_unrecorded:
        yield SectionedOption("--no-history", section=_CHANGE, is_flag=True, help="Keep no revision: no way back.")


def _observing() -> Iterator[SectionedOption]:
    """Yield the options of changes whose effect can be waited for."""
    yield SectionedOption(
        "--wait",
        section=_CHANGE,
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="Wait until a new token shows the change, at most 3600.",
    )
    yield SectionedOption(
        "--verify",
        section=_CHANGE,
        metavar="ROLE-ARN",
        multiple=True,
        help="A role whose new token is looked at too; repeatable.",
    )
    yield SectionedOption(
        "--revert-after",
        section=_CHANGE,
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="Take it back when you, or one in --verify, do not get in by then.",
    )


class _Sectioned(click.Command):
    """A command whose help has the shared options in sections of their own."""

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
        library: The call of the library that it makes, for the help.
        changes: Whether it has the options of a change.
        always_recorded: Whether that change is kept as a revision in any case.
        observes: Whether it has those of a change whose effect can be waited for.
        writes: Whether it changes something without having those options.
        connection: The options of the connection that its help shows. Of the others, too, it says itself what is wrong.
        outputs: How it can print.
    """

    def __init__(
        self,
        *args: Any,
        library: str,
        changes: bool = False,
        always_recorded: bool = False,
        observes: bool = False,
        writes: bool = False,
        connection: Container[str] = _ALL,
        outputs: Sequence[OutputFormat] = ("text", "json", "markdown"),
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.library = library
        self.outputs = outputs
        self.changes = changes
        self.writes = writes or changes
        self.params += [
            *(_changing(may_be_unrecorded=not always_recorded) if changes else ()),
            *(_observing() if observes else ()),
            *_shared(outputs, connection),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with ``--dry-run`` alone as one word: its value could not be told from the next one."""
        end = args.index("--") if "--" in args else len(args)
        words, rest = args[:end], args[end:]
        if self._takes_arn:
            words = [word.removeprefix(f"{_ARN}=") for word in words if word != _ARN]
        if self.changes:
            words = [f"{word}=client" if word == _WITHOUT_VALUE else word for word in words]
        return super().parse_args(ctx, words + rest)

    @property
    def _takes_arn(self) -> bool:
        """Whether the one argument of the command is an ARN, which may be given as ``--arn``, too."""
        arguments = [param for param in self.params if isinstance(param, click.Argument)]
        return len(arguments) == 1 and "ARN" in arguments[0].make_metavar(click.Context(self))

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command, with the invocation in place of the shared options."""
        ctx.obj = invocation_of(ctx)
        if ctx.obj.output not in self.outputs:
            raise click.UsageError(f"This command cannot print {ctx.obj.output}.", ctx)
        is_for_show = any(map(ctx.params.get, _ONLY_SHOWING)) or ctx.params.get("fix") is False
        ctx.obj.may_change = self.writes and not is_for_show
        if ctx.obj.screen.verbosity:
            ctx.call_on_close(show_debug_messages(ctx.obj.screen))
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (click.Abort, KeyboardInterrupt):
            ctx.obj.screen.tell(f"\nInterrupted. {ctx.obj.if_interrupted}")
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            drop_output()
            ctx.exit(READER_GONE)
        except OutputError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes words and a code
            from awsauth.cli.errors import show

            show(error, ctx.obj)
            ctx.exit(code_of(error))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the call of the library below the options."""
        super().format_epilog(ctx, formatter)
        with formatter.section("In Python"):
            formatter.write(f"{'':{formatter.current_indent}}{self.library}\n")


class AwsAuthGroup(_Sectioned, click.Group):
    """A group of commands, which takes the shared options too."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params += _shared(get_args(OutputFormat))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)


def invocation_of(ctx: click.Context) -> Invocation:
    """Return what the shared options say."""
    options = shared_options(ctx)
    return Invocation(
        command=_words(ctx),
        target=resolve_target(options),
        output=options.get("output", "text"),
        output_is_open="output" not in options,
        traceback="traceback" in options,
        quiet_notes=options.get("quiet_notes", ()),
        screen=Output.of(no_color="no_color" in options, verbosity=options.get("verbose", 0)),
        normalizes="normalize" in options,
    )


def _words(ctx: click.Context) -> str:
    """Return the command's words, without the program's."""
    above = _words(ctx.parent) if ctx.parent else ""
    return f"{above} {ctx.info_name}".strip() if ctx.parent else ""
