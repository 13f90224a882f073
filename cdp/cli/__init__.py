"""The command line: `cdp COMMAND`.

Exit status: 0 fine, 1 failed, 2 used wrongly. What a user can cause ends as one sentence on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from cdp.cli.commands import cdp
from cdp.errors import BadInput, DiptychError

FAILED = 1
USED_WRONGLY = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: run the command that the arguments name, and leave with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the answer is its exit status. Errors are translated here, once."""
    try:
        status = cdp.main(args=arguments, prog_name="cdp", standalone_mode=False)
    except BrokenPipeError:
        # Whoever read our output has read enough, as `head` does.
        sys.stderr.close()
        return FAILED
    except (click.ClickException, click.Abort, DiptychError, KeyboardInterrupt) as error:
        sentence, failure = _translate(error)
        click.echo(f"cdp: {sentence}", err=True)
        return failure
    return status if isinstance(status, int) else 0


def _translate(error: BaseException) -> tuple[str, int]:
    """What to say of an error that a user can cause, and the exit status."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            return f"Name one of its commands. See: {error.ctx.command_path} --help", USED_WRONGLY
        case click.UsageError():
            hint = f" See: {error.ctx.command_path} --help" if error.ctx is not None else ""
            return f"{error.format_message()}{hint}", USED_WRONGLY
        case click.ClickException():
            return error.format_message(), FAILED
        case BadInput():
            return error.message, USED_WRONGLY
        case DiptychError():
            return error.message, FAILED
        case _:
            return "Stopped.", FAILED
