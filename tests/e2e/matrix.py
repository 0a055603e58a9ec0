"""Run the framework matrix and write docs/matrix.md; `make matrix` does. Arguments: names of frameworks to run alone, printed only."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "upstream")]

from framework_cells import ENCODINGS, MATRIX, MODES, Cell, Framework, interpreter_of, run_cell  # noqa: E402

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "matrix.md"
GRADES = {"identical": "identical", "stopped": "**stopped**", "differs": "**differs**"}
RESULTS = dict[tuple[str, str, str], Cell]
_VERSIONS = "import sys; from importlib.metadata import version; print(', '.join(f'{n} {version(n)}' for n in sys.argv[1:]))"

INTRODUCTION = """# The framework matrix

Written by `make matrix` on {date} with Python {python}. Every program of `tests/e2e/frameworks` and `tests/e2e/agents` runs unmodified
frameworks against a local model server that puts a random nonce into every answer. It is recorded, the servers are stopped, and it
is replayed. *identical* means: standard output, exit code, every request to the model server byte for byte, and no file written again.
*stopped* means that `fr replay` refused and said why; *differs* would be a replay that is wrong and says nothing. Plain and gzip answers
are counted apart, and shown as one. SDK rows, from `tests/e2e/agents`, run all of their modes in one program. The tool that writes is
decorated with `@fr.tool` below the framework's own decorator; crewai is replayed with `--allow-writes` for its own folders,
its telemetry on in sync only.

**{identical} of {all} cells identical, {stopped} stopped with a reason, {differs} wrong.**
"""


def versions(framework: Framework, python: str) -> str:
    """The distributions of a row with their versions."""
    ran = subprocess.run([python, "-c", _VERSIONS, *framework.packages], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def run(framework: Framework, python: str) -> RESULTS:
    """Every cell of a row; a program that runs all modes in one go is run once for each encoding."""
    results: RESULTS = {}
    for encoding in ENCODINGS:
        done: dict[str, Cell] = {}
        for mode, argument in framework.modes.items():
            if argument not in done:
                began = time.monotonic()
                with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
                    done[argument] = run_cell(Path(folder), python, framework, argument, encoding)
                cell = done[argument]
                print(f"{framework.name:26} {argument:15} {encoding:9} {cell.outcome:10} {time.monotonic() - began:5.1f} s  {cell.detail}")
            results[framework.name, mode, encoding] = done[argument]
    return results


def table(rows: list[tuple[Framework, str]], results: RESULTS) -> list[str]:
    """The matrix as Markdown, and below it the reasons of cells that are not identical."""
    lines = ["| framework | versions | " + " | ".join(MODES) + " |", "|---|---|" + "---|" * len(MODES)]
    reasons = []
    for framework, names in rows:
        cells = []
        for mode in MODES:
            both = [results[framework.name, mode, encoding] for encoding in ENCODINGS if (framework.name, mode, encoding) in results]
            worst = next((grade for grade in ("differs", "stopped") if any(c.outcome == grade for c in both)), "identical")
            cells.append(GRADES[worst] if both else "-")
            reasons += [f"- {framework.name}, {mode}: {cell.detail}" for cell in both if cell.outcome != "identical"]
        lines.append(f"| {framework.name} | {names} | {' | '.join(cells)} |")
    return [*lines, "", "-: the framework has no such mode, or the program does not use it.", "", *sorted(set(reasons))]


def main(only: list[str]) -> int:
    """Run it all; exit code 1 when a replay was wrong and said nothing."""
    results: RESULTS = {}
    rows: list[tuple[Framework, str]] = []
    for framework in MATRIX:
        python = interpreter_of(framework.group)
        if python is None or (only and framework.name not in only):
            continue
        rows.append((framework, versions(framework, python)))
        results |= run(framework, python)
    counts = {grade: sum(cell.outcome == grade for cell in results.values()) for grade in GRADES}
    head = INTRODUCTION.format(date=time.strftime("%d %b %Y"), python=sys.version.split()[0], all=len(results), **counts)
    kept = DOCUMENT.read_text(encoding="utf-8").partition("\n## ")[2] if DOCUMENT.exists() else ""
    text = "\n".join([head, *table(rows, results)]).rstrip() + "\n" + (f"\n## {kept}" if kept else "")
    if only:
        print(text)
    else:
        DOCUMENT.write_text(text, encoding="utf-8")
    return 1 if counts["differs"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
