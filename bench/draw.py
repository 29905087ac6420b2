"""Draw bench.json as an SVG that reads in light and in dark: draw.py BENCH.json PICTURE.svg"""
import json
import pathlib
import sys
from xml.sax.saxutils import escape

# Section, title, figure, unit, and what is good.
PANELS = [
    ("idle point", "An idle hook point", "instructions", "instructions", "fewer is better"),
    ("1 hook", "One hook, called", "median", "ns", "less is better"),
    ("1 hook, two threads of one", "Two threads on one point", "median", "× one thread",
     "more is better"),
    ("remove, runner running", "Remove a hook while a thread runs the point", "median", "µs",
     "less is better; * does not wait for who is inside"),
    ("64 B, one by one", "Allocate and free an item of 64 bytes", "median", "ns",
     "less is better"),
    ("64 B taken here, given back there", "The same, freed by another thread", "median", "ns",
     "less is better"),
]
WIDTH, COLUMN, NAMES, BAR = 880, 440, 158, 200
ROW, HEAD, GAP = 19, 44, 22
# A bar longer than this many of ours is cut, and says so.
CUT = 8

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #3d444d; }
  .title { font-size: 14px; font-weight: 600; fill: #1f2328; }
  .note { fill: #656d76; }
  .ours { fill: #0b62c4; } .ours-text { font-weight: 600; fill: #0b62c4; }
  .peer { fill: #b3bac2; } .limit { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
  .cut { stroke: #ffffff; stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #b7bfc8; } .title { fill: #e6edf3; } .note { fill: #8d96a0; }
    .ours { fill: #58a6ff; } .ours-text { fill: #58a6ff; }
    .peer { fill: #4b535d; } .limit { stroke: #8d96a0; } .cut { stroke: #0d1117; }
  }
"""


def rows_of(results, section, figure):
    """[(name, role, value)]: the limit, ours, then the peers from best to worst."""
    rows = [row for row in results["rows"] if row["section"] == section and figure in row]
    ours = [row for row in rows if row["role"] == "ours"][:1]
    peers = [row for row in rows if row["role"] == "peer"]
    peers.sort(key=lambda row: row[figure], reverse=figure == "median" and row_unit(rows) == "x")
    limits = [row for row in rows if row["role"] == "limit"][:1]
    return [(named(row), row["role"], row[figure]) for row in limits + ours + peers]


def row_unit(rows):
    return rows[0]["unit"] if rows else ""


def named(row):
    if row["role"] == "ours":
        return "libkhelp"
    mark = {"does not wait for who is inside": " *", "not thread-safe": " (one thread)"}
    name = row["name"] + mark.get(row.get("remark"), "")
    return name + " (limit)" if row["role"] == "limit" else name


def number(value):
    return f"{value:.0f}" if value >= 20 or value == int(value) else f"{value:.1f}"


def bar(name, role, value, scale, top):
    length = min(value, scale) / scale * BAR
    middle = top + ROW - 6
    kind = ' class="ours-text"' if role == "ours" else ""
    yield f'<text x="{NAMES - 8}" y="{middle}" text-anchor="end"{kind}>{escape(name)}</text>'
    yield (f'<rect class="{role}" x="{NAMES}" y="{top + 3}" width="{length:.1f}" height="{ROW - 7}" '
           f'rx="2"/>')
    if value > scale:
        at = NAMES + BAR - 14
        yield f'<path class="cut" d="M{at} {top + ROW - 2}l6 {2 - ROW}"/>'
    yield f'<text x="{NAMES + length + 6:.1f}" y="{middle}"{kind}>{number(value)}</text>'


def panel(rows, title, unit, note):
    ours = next(value for _, role, value in rows if role == "ours")
    scale = min(max(value for *_, value in rows), ours * CUT)
    yield f'<text class="title" x="0" y="16">{escape(title)}</text>'
    yield f'<text class="note" x="0" y="33">{escape(f"{unit}, {note}")}</text>'
    for i, row in enumerate(rows):
        yield from bar(*row, scale, HEAD + i * ROW)


def picture(results):
    drawn, top = [], 8
    panels = [(rows_of(results, section, figure), *words)
              for section, *words, figure in ((s, t, u, n, f) for s, t, f, u, n in PANELS)]
    panels = [each for each in panels if any(role == "ours" for _, role, _ in each[0])]
    for i in range(0, len(panels), 2):
        pair = panels[i:i + 2]
        for column, (rows, title, unit, note) in enumerate(pair):
            drawn.append(f'<g transform="translate({column * COLUMN + 8} {top})">')
            drawn.extend(panel(rows, title, unit, note))
            drawn.append("</g>")
        top += HEAD + max(len(rows) for rows, *_ in pair) * ROW + GAP
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" role="img" aria-label="libkhelp beside its peers">',
        f"<style>{STYLE}</style>", *drawn, "</svg>", ""])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = map(pathlib.Path, sys.argv[1:])
    target.write_text(picture(json.loads(source.read_text())))
