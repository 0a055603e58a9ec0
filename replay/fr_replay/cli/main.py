"""``fr``: finds the command, runs it, and is the one place that prints errors and decides on the exit code.

``fr --help`` loads neither typer nor anything of a command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from fr_schema.errors import EXIT_BAD_INPUT, BadInput, FlightError

from .commands import COMMANDS, GROUPS, CommandRow, command_named

if TYPE_CHECKING:
    from typer.core import TyperCommand

__all__ = ["main"]

EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

_USAGE = "usage: fr [--store PATH] COMMAND ...   (fr COMMAND --help says more)"
_GLOBAL_OPTIONS = (
    ("--store PATH", "the store; else FR_STORE, else ./.flightrecorder"),
    ("--version", "say which version this is"),
    ("--help", "say this"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``fr`` with these arguments (those of the process for None); returns the exit code."""
    from .opened import close_opened, notes_of_opened

    close_opened()
    _replace_closed_streams()
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except FlightError as error:
        code = _fail(error.one_line(), error.exit_code)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _leave_broken_pipe()
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        code = _fail(f"{where}{error.strerror or error}", EXIT_BAD_INPUT)
    except Exception as error:
        # The last place that can turn an unknown error into one line.
        if os.environ.get("FR_TRACEBACK"):
            raise
        code = _fail(f"internal error: {type(error).__name__}: {error}; set FR_TRACEBACK=1 for the traceback", EXIT_INTERNAL)
    for note in notes_of_opened():
        code = _fail(note, EXIT_BAD_INPUT) if code == 0 else _fail(note, code)
    close_opened()
    return code


def _replace_closed_streams() -> None:
    """Started with a stream closed (``2>&-``), we have nowhere to speak to. A command under ``fr record`` still finds it closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as the process lives


def _fail(message: str, code: int) -> int:
    """Say one line on stderr; returns the code."""
    print("fr:", " ".join(message.split()), file=sys.stderr)  # noqa: T201 - this is a command-line program
    return code


def _leave_broken_pipe() -> int:
    """The reader of our output has gone (``fr ls | head -1``): leave without a word, and without another try at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE


def _run(args: list[str]) -> int:
    """Take the options before the command's name, then run the command."""
    options: list[str] = []
    while args and args[0].startswith("-"):
        option, equals, value = args.pop(0).partition("=")
        if option in ("--help", "-h"):
            return _say(_root_help())
        if option == "--version":
            from fr_schema.version import FORMAT_VERSION, PACKAGE_VERSION

            return _say(f"fr {PACKAGE_VERSION} (store format {FORMAT_VERSION})")
        if option != "--store":
            raise BadInput(
                f"there is no option {option} before the command", hint=_near(option, ("--store", "--version", "--help"), "fr --help")
            )
        if not equals:
            if not args:
                raise BadInput("--store needs a path", hint="fr --store PATH COMMAND ...")
            value = args.pop(0)
        options = ["--store", value]
    if not args:
        return _say(_root_help())
    name = args.pop(0)
    if name == "help":
        return _run([*args[:1], "--help"])
    command = command_named(name)
    if command is None:
        raise BadInput(f"there is no command {name!r}", hint=_near(name, [row.name for row in COMMANDS], "fr --help lists them", "fr "))
    return _call(command, [*options, *args])


def _say(text: str) -> int:
    print(text)  # noqa: T201
    return 0


def _root_help() -> str:
    lines = ["Flight recorder for AI agents: record every decision, ask why, replay it offline.", "", _USAGE]
    width = max(len(row.name) for row in COMMANDS)
    for title, rows in GROUPS:
        lines += ["", f"{title}:", *(f"  {row.name:<{width}}  {row.help}" for row in rows)]
    lines += ["", "Options:", *(f"  {name:<{12}}  {text}" for name, text in _GLOBAL_OPTIONS)]
    return "\n".join(lines)


def _near(word: str, words: Sequence[str], otherwise: str, before: str = "") -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, words, n=1)
    return f"did you mean {before}{close[0]}?" if close else otherwise


def _call(row: CommandRow, args: list[str]) -> int:
    """Import a command and run it. Raises FlightError for arguments that it does not take."""
    from importlib import import_module

    import typer

    parser = typer_command(row, import_module(f"{__package__}.{row.module}"))
    # The base of all complaints about arguments; its own module is another one in every release of typer.
    usage_error: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError")
    try:
        with parser.make_context(f"fr {row.name}", args) as context:
            code = parser.invoke(context)
    except typer.Exit as leave:
        return leave.exit_code
    except usage_error as error:
        raise BadInput(_complaint(error), hint=_way_out(error, row)) from error
    return code if isinstance(code, int) else 0


def typer_command(row: CommandRow, module: Any) -> TyperCommand:
    """The parser of a command's module."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(row.name, context_settings={"help_option_names": ["-h", "--help"], **getattr(module, "CONTEXT_SETTINGS", {})})(
        getattr(module, f"{row.name}_" if iskeyword(row.name) else row.name.replace("-", "_"))
    )
    command: Any = typer.main.get_command(app)
    parsed: TyperCommand = command
    return parsed


def _complaint(error: Any) -> str:
    """What the parser complains of, beginning small and without a full stop, as all our messages do."""
    message = str(error.message if getattr(error, "possibilities", None) else error.format_message()).strip().rstrip(".")
    return message[:1].lower() + message[1:]


def _way_out(error: Any, row: CommandRow) -> str:
    options = getattr(error, "possibilities", None)
    see = f"see fr {row.name} --help"
    return f"did you mean {' or '.join(sorted(options)[:2])}? {see}" if options else see
