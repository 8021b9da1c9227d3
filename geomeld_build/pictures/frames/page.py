"""One page of HTML that needs nothing else: pictures inlined, tables that sort, and no address that is fetched.

Every text is escaped here; a caller hands over plain text. The page's own policy (``Content-Security-Policy``) keeps a
browser from fetching anything.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

__all__ = ["Cell", "Page", "flattened"]

Cell = str | int | float | None

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem;margin:.2rem 0 1rem}h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid #ccc}
p{max-width:60rem}img{max-width:100%;height:auto;display:block;margin:.6rem 0}
table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.18rem .7rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n,th.n{text-align:right}thead th{background:#f3f3f3;position:sticky;top:0}
th button{all:unset;cursor:pointer;font-weight:600}th button:focus-visible{outline:2px solid #0072b2}
th button::after{content:" \\2195";color:#999}
tr.total td{font-weight:600;border-top:2px solid #999}
.head{display:flex;flex-wrap:wrap;gap:.8rem}
.head div{background:#f3f6f8;border-left:4px solid #0072b2;padding:.5rem .9rem}
.head b{display:block;font-size:1.35rem}.bad{background:#fdecea;border-left:4px solid #b3261e;padding:.5rem .9rem}
.good{background:#eaf5ee;border-left:4px solid #00704d;padding:.5rem .9rem}
.card{display:grid;grid-template-columns:224px 1fr;gap:1rem;margin:1rem 0;align-items:start}
.card img{width:224px;margin:0}.card p{font-size:1.1rem;margin:.2rem 0 .6rem}
.card small{display:block;color:#666}.scroll{overflow:auto;max-height:34rem}details{margin:.6rem 0}
"""
_SCRIPT = """
for(const b of document.querySelectorAll('th button'))b.onclick=()=>{
const th=b.parentNode,body=th.closest('table').tBodies[0],at=th.cellIndex;
const down=th.getAttribute('aria-sort')==='ascending';
for(const o of th.parentNode.cells)o.removeAttribute('aria-sort');
th.setAttribute('aria-sort',down?'descending':'ascending');
const key=r=>r.cells[at].dataset.v??r.cells[at].textContent,num=th.className==='n';
const less=(a,c)=>num?(a===''?-Infinity:+a)-(c===''?-Infinity:+c):a.localeCompare(c);
for(const r of [...body.rows].sort((x,y)=>(down?-1:1)*less(key(x),key(y))))body.append(r)}
"""


@dataclass(slots=True)
class Page:
    """A page that grows from top to bottom."""

    title: str
    _parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A new section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def verdict(self, good: bool, text: str) -> None:
        """A paragraph that stands out: what was checked, and whether it holds."""
        kind, word = ("good", "Holds") if good else ("bad", "Does not hold")
        self._parts.append(f'<p class="{kind}"><b>{word}:</b> {escape(text)}</p>')

    def headlines(self, numbers: Sequence[tuple[str, str]]) -> None:
        """Large numbers with what they are."""
        boxes = "".join(f"<div><b>{escape(number)}</b>{escape(what)}</div>" for what, number in numbers)
        self._parts.append(f'<div class="head">{boxes}</div>')

    def picture(self, png: bytes, words: str) -> None:
        """A picture, with words for those who do not see it."""
        data = base64.b64encode(png).decode("ascii")
        self._parts.append(f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">')

    def card(
        self, png: bytes | None, words: str, spans: Sequence[tuple[str, str, str]], about: Mapping[str, str]
    ) -> None:
        """A picture beside a text in colours.

        Args:
            png: the picture, if there is one.
            words: for those who do not see it.
            spans: pieces of the text, the colour of each, and what is shown to those who point at it.
            about: facts below the text.
        """
        data = "" if png is None else base64.b64encode(png).decode("ascii")
        image = f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">' if data else "<div></div>"
        text = "".join(
            f'<span style="color:{escape(colour)}" title="{escape(note)}">{escape(piece)}</span>'
            for piece, colour, note in spans
        )
        facts = "".join(f"<small>{escape(key)}: {escape(value)}</small>" for key, value in about.items())
        self._parts.append(f'<div class="card">{image}<div><p>{text}</p>{facts}</div></div>')

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], total: Sequence[Cell] = ()) -> None:
        """A table that sorts by a click on a column.

        Args:
            columns: their names.
            rows: as many cells each. Numbers are set to the right; None is an empty cell.
            total: a last line that stays last.
        """
        numeric = [_is_numeric([row[at] for row in rows]) for at in range(len(columns))]
        heads = "".join(
            f'<th class="n"><button>{escape(name)}</button></th>'
            if is_number
            else f"<th><button>{escape(name)}</button></th>"
            for name, is_number in zip(columns, numeric, strict=True)
        )
        body = "".join(f"<tr>{_cells(row, numeric)}</tr>" for row in rows)
        foot = f'<tfoot><tr class="total">{_cells(total, numeric)}</tr></tfoot>' if total else ""
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}</table>"
        self._parts.append(f'<div class="scroll">{table}</div>')

    def settings(self, document: Mapping[str, Any]) -> None:
        """A nested mapping, one line a leaf."""
        rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in flattened(document))
        self._parts.append(f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>')

    def render(self) -> str:
        """The whole page."""
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head>\n"
            f"<body><h1>{escape(self.title)}</h1>\n" + "\n".join(self._parts) + f"\n<script>{_SCRIPT}</script></body>"
            "</html>\n"
        )


def flattened(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested mappings and lists of mappings, with their path: ``pools 1 name``."""
    for key, value in document.items():
        path = f"{prefix} {key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from flattened(value, path)
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            yield from flattened({str(number): item for number, item in enumerate(value, start=1)}, path)
        elif isinstance(value, list | tuple):
            yield path, ", ".join(_words(item) for item in value)
        else:
            yield path, _words(value)


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return " / ".join(_words(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_numeric(cells: Sequence[Cell]) -> bool:
    return any(isinstance(cell, int | float) for cell in cells) and not any(isinstance(cell, str) for cell in cells)


def _cells(row: Sequence[Cell], numeric: Sequence[bool]) -> str:
    return "".join(_cell(cell, is_number) for cell, is_number in zip(row, numeric, strict=True))


def _cell(cell: Cell, is_number: bool) -> str:
    if not is_number:
        return f"<td>{escape('' if cell is None else str(cell))}</td>"
    if cell is None:
        return '<td class="n" data-v=""></td>'
    text = escape(cell) if isinstance(cell, str) else f"{cell:,}" if isinstance(cell, int) else f"{cell:,.4g}"
    return f'<td class="n" data-v="{escape(str(cell))}">{text}</td>'
