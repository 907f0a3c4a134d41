"""The program: its commands, each loaded when it is used, and what becomes of errors."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import get_completion_class

from awsauth.boundary import caused_by
from awsauth.cli.command import AwsAuthCommand, AwsAuthGroup
from awsauth.cli.completion import COMPLETION
from awsauth.cli.exit_codes import DONE, INTERRUPTED, MEANINGS, READER_GONE, UNFIT
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.output import Output, OutputError, drop_output
from awsauth.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS: Final = {
    "get": ("inspect_commands", "Show what is mapped."),
    "add": ("mapping_commands", "Map a role, user, account, node role or SSO role."),
    "remove": ("mapping_commands", "Take a role, user, account or username out."),
    "rename": ("mapping_commands", "Give the mappings of a principal to another one."),
    "check": ("inspect_commands", "Look for what is wrong, and cure it."),
    "fmt": ("edit_commands", "Make a text editable, with the same meaning."),
    "explain": ("inspect_commands", "Say what a principal gets, and why."),
    "who-can": ("inspect_commands", "Show who gets a group or a username."),
    "plan": ("plan_commands", "Show what changes or a manifest would do."),
    "sync": ("sync_commands", "Make owners' entries what their fragments say."),
    "apply": ("plan_commands", "Make a saved plan, changes or a manifest."),
    "edit": ("edit_commands", "Edit the mappings, checked when saved."),
    "history": ("history_commands", "Show who changed what, when and why."),
    "show": ("history_commands", "Show a revision with its data."),
    "diff": ("plan_commands", "Compare revisions and manifests."),
    "rollback": ("history_commands", "Go back to a revision."),
    "snapshot": ("history_commands", "Record the present state."),
    "prune": ("history_commands", "Delete old revisions."),
    "whoami": ("cluster_commands", "Say who this machine is to AWS."),
    "health": ("cluster_commands", "Check whether you get in, and may do your work."),
    "recover": ("cluster_commands", "Get back into a cluster that you are locked out of."),
    "completion": ("app", "Print the completion for a shell."),
}
"""Of each command its module and what it does, in the order of the help, which loads none of them."""

_ELSEWHERE: Final = {"list": "get", "delete": "remove"}
"""The names that other tools have for commands of ours."""


class Program(AwsAuthGroup):
    """All commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands, as people come to need them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, from a module that is loaded now."""
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(
            import_module(f"awsauth.cli.{module}"), f"{cmd_name.replace('-', '_')}_command"
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and name ours to a user who types the word that other tools have for it."""
        if args and args[0] in _ELSEWHERE:
            ctx.fail(f"There is no command {args[0]!r}: it is `{ctx.command_path} {_ELSEWHERE[args[0]]}`.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in _COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what exit codes mean."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in MEANINGS.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run, and exit with a code that says how it went (`awsauth.cli.exit_codes`)."""
        words = sys.argv[1:] if args is None else list(args)
        if COMPLETION in os.environ:
            super().main(words, prog_name, complete_var=COMPLETION, **extra)
        sys.exit(self._run(words, prog_name or "awsauth"))

    def _run(self, words: list[str], prog_name: str) -> int:
        try:
            with self.make_context(prog_name, words) as ctx:
                code = self.invoke(ctx)
            sys.stdout.flush()
        except click.exceptions.Exit as end:
            return end.exit_code
        except BrokenPipeError:
            drop_output()
            return READER_GONE
        except (OutputError, OSError) as error:  # what else fails in a command has become words there
            drop_output()
            Output().tell(f"error: The output cannot be written: {error}. What was done before that is done.")
            return UNFIT
        except (click.Abort, KeyboardInterrupt):
            click.echo("\nInterrupted.", err=True)
            return INTERRUPTED
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except Exception as error:  # noqa: BLE001 - outside of a command, such as a module that cannot be loaded
            Output().tell(f"error: {caused_by(error)}")
            return UNFIT
        return code if isinstance(code, int) else DONE


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", prog_name="awsauth")
def program() -> None:
    """Manage the aws-auth ConfigMap of Amazon EKS.

    Without connection options a command is for the cluster that kubectl would use. The options may stand
    before or behind the command; each has an environment variable, in brackets.

    Every change shows its difference first, and asks; where there is no terminal it needs --yes.
    """


@click.command("completion", cls=AwsAuthCommand, connection=(), library="(a matter of the command line alone)")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@current
def completion_command(invocation: Invocation, /, *, shell: str) -> int:
    """Print the completion for a shell, to be put where that looks for it.

    \b
    bash:
      awsauth completion bash > ~/.local/share/bash-completion/completions/awsauth
    zsh, with a folder of $fpath for FOLDER:
      awsauth completion zsh > FOLDER/_awsauth
    fish:
      awsauth completion fish > ~/.config/fish/completions/awsauth.fish
    """  # noqa: D301 - click's mark, for lines that are not to be wrapped
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    source = completion(click.get_current_context().find_root().command, {}, "awsauth", COMPLETION).source()
    invocation.screen.print(source.rstrip("\n"))
    return DONE


def main() -> None:
    """Run as ``awsauth``, or as the kubectl plugin ``kubectl awsauth``."""
    # A command ends too soon for circles of objects to matter, and would spend a tenth of its time looking for them.
    gc.disable()
    # Whoever switches the check of certificates off in the kubeconfig need not be told with every request.
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    for name in ("stdin", "stdout", "stderr"):
        # Whoever has closed it would have the next file or connection in its place.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Where the terminal's encoding has no such character, its escape is better than a failure.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    name = Path(sys.argv[0]).stem
    program.main(prog_name="kubectl awsauth" if name == "kubectl-awsauth" else "awsauth")
