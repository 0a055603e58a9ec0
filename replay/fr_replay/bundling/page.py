"""A report as one HTML page that fetches nothing: no scripts, no fonts, no images; light or dark as the reader's system is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .document import Block, Facts, Grid, Lane, Note, Passage, Report

__all__ = ["report_as_html"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #626a73; --paper: #ffffff; --card: #f5f6f8; --line: #d9dde2;
  --mark: #2563a8; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --dim: #98a1ab; --paper: #15181c; --card: #1e2227; --line: #343a41; --mark: #7db3ea; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 5rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.55rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 2rem 0 .6rem; }
.under { color: var(--dim); margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .3rem 1.25rem; margin: .6rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th { text-align: left; font-weight: 600; color: var(--dim); }
th, td { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.w { overflow-wrap: anywhere; min-width: 12rem; }
td.t { min-width: 8rem; width: 22%; }
.bar { display: block; height: .55rem; margin-top: .45rem; border-radius: 2px; background: var(--mark); min-width: 2px; }
pre { margin: 0; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); border-radius: 6px;
  font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
details { margin: .7rem 0; } summary { cursor: pointer; color: var(--dim); font-size: .875rem; margin-bottom: .35rem; }
.note { color: var(--dim); } .bad { color: var(--bad); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; font-size: .875rem; } a { color: var(--mark); }
@media print { body { max-width: none; padding: 0; } nav { display: none; } details > pre { break-inside: auto; } }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Should a text of the record ever become markup against all escaping, the browser still loads and runs nothing."""


def report_as_html(report: Report) -> str:
    """The page, one text."""
    chapters = [(number, section) for number, section in enumerate(report.sections) if section.level == 2]
    links = "".join(f'<a href="#s{number}">{escape(section.title)}</a>' for number, section in chapters)
    pieces = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_shown(report.title)}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{_shown(report.title)}</h1><p class="under">{_shown(report.subtitle)}</p><nav>{links}</nav>',
    ]
    for number, section in enumerate(report.sections):
        pieces.append(f'<h{section.level} id="s{number}">{_shown(section.title)}</h{section.level}>')
        for block in section.blocks:
            pieces += _block(block)
    return "\n".join([*pieces, "</body></html>", ""])


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Facts):
        yield "<dl>" + "".join(f"<dt>{_shown(label)}</dt><dd>{_shown(value)}</dd>" for label, value in block.rows) + "</dl>"
    elif isinstance(block, Grid):
        yield from _table(block)
    elif isinstance(block, Passage):
        unfolded = " open" if block.open else ""
        yield f"<details{unfolded}><summary>{_shown(block.title)}</summary><pre>{_shown(block.text)}</pre></details>"
    elif isinstance(block, Note):
        kind = "bad" if block.bad else "note"
        yield f'<p class="{kind}">{_shown(block.text)}</p>'


def _table(grid: Grid) -> Iterator[str]:
    last = len(grid.headers) - 1
    kinds = ["n" if at in grid.right else "w" if at == last else "" for at in range(len(grid.headers))]
    heads = "".join(f'<th class="{kind}">{_shown(header)}</th>' for header, kind in zip(grid.headers, kinds, strict=True))
    first = "<th></th>" if grid.lanes else ""
    yield f'<div class="wide"><table><thead><tr>{first}{heads}</tr></thead><tbody>'
    for number, row in enumerate(grid.rows):
        lane = _lane(grid.lanes[number]) if grid.lanes else ""
        cells = "".join(f'<td class="{kind}">{_shown(cell)}</td>' for cell, kind in zip(row, kinds, strict=True))
        yield f"<tr>{lane}{cells}</tr>"
    yield "</tbody></table></div>"


def _lane(lane: Lane) -> str:
    start = min(max(lane.start, 0.0), 0.99)
    length = min(max(lane.length, 0.0), 1.0 - start)
    return f'<td class="t"><span class="bar" style="margin-left:{100 * start:.1f}%;width:{100 * length:.1f}%"></span></td>'


def _shown(text: str) -> str:
    """Escaped, with characters that no page may have (a lone surrogate, NUL) written out."""
    return escape("".join(c if c in "\n\t" or (ord(c) >= 0x20 and not 0xD800 <= ord(c) <= 0xDFFF) else f"\\x{ord(c):02x}" for c in text))
