"""Reports for notebooks: plain tables, every name escaped, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; without a head, the first cell of each row is its name."""
    from html import escape

    def cell(kind: str, content: object) -> str:
        text = f"{content:,}" if isinstance(content, int) else str(content)
        return f'<{kind} style="text-align:left">{escape(text)}</{kind}>'

    lines = ["<tr>" + "".join(cell("th", name) for name in head) + "</tr>"] if head else []
    for first, *rest in rows:
        cells = [cell("td" if head else "th", first)] + [cell("td", content) for content in rest]
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "<table>" + "".join(lines) + "</table>"


def page(*parts: str) -> str:
    """Parts one below the other."""
    return "<div>" + "".join(parts) + "</div>"
