"""The program: its commands, each loaded when it is used."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final, cast, get_args

import click
from click.shell_completion import CompletionItem

from awsauth.boundary import caused_by
from awsauth.cli.command import DONE, INTERRUPTED, MEANINGS, READER_GONE, UNFIT, AwsAuthGroup, awsauth_command
from awsauth.cli.completion import COMPLETION, SHELLS
from awsauth.cli.invocation import Invocation, OutputFormat
from awsauth.cli.output import Output, OutputError, drop_output
from awsauth.version import __version__

# The module and short help of each command, in the order of the help. The help loads no module.
_COMMANDS: Final = {
    "get": ("inspect_commands", "Show the mappings."),
    "add": ("mapping_commands", "Map a role, user, account, node role or SSO role."),
    "remove": ("mapping_commands", "Remove a role, user, account, group or username."),
    "rename": ("mapping_commands", "Replace the ARN in the mappings of a principal."),
    "entry": ("entry_commands", "Change access entries, and undo that."),
    "check": ("inspect_commands", "Find mistakes and risks, and fix them."),
    "fmt": ("edit_commands", "Rewrite a text that awsauth cannot edit."),
    "explain": ("inspect_commands", "Explain the access of a principal."),
    "who-can": ("inspect_commands", "Show the principals with a right, group or username."),
    "report": ("inspect_commands", "Report the access of all principals."),
    "plan": ("plan_commands", "Show what changes or a manifest would do."),
    "sync": ("sync_commands", "Apply the files in which owners keep mappings."),
    "import": ("sync_commands", "Convert another tool's file for `sync`."),
    "init": ("sync_commands", "Print the mappings as a file for `sync`."),
    "apply": ("plan_commands", "Apply a saved plan, changes or a manifest."),
    "edit": ("edit_commands", "Edit the mappings, checked when you save."),
    "history": ("history_commands", "Show who changed what, when and why."),
    "show": ("history_commands", "Show a revision with its data."),
    "diff": ("plan_commands", "Compare revisions and manifests."),
    "rollback": ("history_commands", "Undo the last change, or restore a revision."),
    "snapshot": ("history_commands", "Record the live state as a revision."),
    "prune": ("history_commands", "Delete old revisions."),
    "export": ("entry_commands", "Print access entries as infrastructure code."),
    "migrate": ("migration_commands", "Move a cluster from mappings to access entries."),
    "whoami": ("cluster_commands", "Show your AWS identity."),
    "health": ("cluster_commands", "Check your access to a cluster, step by step."),
    "recover": ("cluster_commands", "Restore your access after a lock-out."),
    "completion": ("app", "Print the completion script of a shell."),
}

_ELSEWHERE: Final = {"list": "get", "delete": "remove"}  # by name of a command in other tools the name here


class Program(AwsAuthGroup):
    """All commands."""

    outputs = get_args(OutputFormat)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load the module of a command, and return the command."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"awsauth.cli.{_COMMANDS[cmd_name][0]}")
        return cast("click.Command", getattr(module, f"{cmd_name.replace('-', '_')}_command"))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command. For the word of another tool, name ours."""
        if args and args[0] in _ELSEWHERE:
            ctx.fail(f"There is no command {args[0]!r}. Use `{ctx.command_path} {_ELSEWHERE[args[0]]}`.")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command or option without loading the commands."""
        named = [name for name in _COMMANDS if name.startswith(incomplete)]
        found = [CompletionItem(name, help=_COMMANDS[name][1]) for name in named]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the short helps without loading the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in _COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in MEANINGS.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run a command, and exit with its code (`awsauth.cli.invocation`)."""
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
        except (OutputError, OSError) as error:  # other errors of a command were shown by it
            drop_output()
            Output().tell(f"error: The output cannot be written: {error}. The command may have made its change.")
            return UNFIT
        except (click.Abort, KeyboardInterrupt):
            click.echo("\nInterrupted.", err=True)
            return INTERRUPTED
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except Exception as error:  # noqa: BLE001 - for example a module that cannot be loaded
            Output().tell(f"error: {caused_by(error)}")
            return UNFIT
        return code if isinstance(code, int) else DONE


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", prog_name="awsauth")
def program() -> None:
    """Manage the aws-auth ConfigMap of Amazon EKS.

    Without connection options, a command uses the same cluster as kubectl. Options may be placed before or
    after the command. The name in brackets is the environment variable of an option.

    Every change shows its diff and asks first. Without a terminal it needs --yes.
    """


@awsauth_command("completion", "(only on the command line)", connection=())
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion_command(invocation: Invocation, /, *, shell: str) -> None:
    """Print the completion script of a shell. Save it where the shell looks for it.

    \b
    bash:
      awsauth completion bash > ~/.local/share/bash-completion/completions/awsauth
    zsh, with a folder of $fpath for FOLDER:
      awsauth completion zsh > FOLDER/_awsauth
    fish:
      awsauth completion fish > ~/.config/fish/completions/awsauth.fish
    """  # noqa: D301 - click's mark for lines that are not wrapped
    root = click.get_current_context().find_root().command
    invocation.screen.print(SHELLS[shell](root, {}, "awsauth", COMPLETION).source().rstrip("\n"))


def main() -> None:
    """Run as ``awsauth``, or as the kubectl plugin ``kubectl awsauth``."""
    # A command is too short for cyclic garbage to matter. Looking for it takes a tenth of the time, also at the end.
    gc.disable()
    atexit.register(gc.freeze)
    # Who disables certificate checks in the kubeconfig needs no warning for every request.
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    for name in ("stdin", "stdout", "stderr"):
        # The next file or connection would get the number of a closed stream.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for characters that the terminal's encoding lacks
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - `pathlib` takes longer to load
    program.main(prog_name="kubectl awsauth" if name.partition(".")[0] == "kubectl-awsauth" else "awsauth")
