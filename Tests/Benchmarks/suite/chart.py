# rtbridge: the figures as an SVG for the README, readable on light and dark pages.
# SPDX-License-Identifier: Apache-2.0
from html import escape

_ROW, _GAP, _HEAD, _WIDTH, _MARGIN = 15, 14, 20, 980, 16
_COLUMN = (_WIDTH - 3 * _MARGIN) // 2
_NAMES, _VALUES = 84, 116  # left of the bars, and right of the longest

_STYLE = """
text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a }
.title { font-size: 12px; font-weight: 600; fill: #1f2328 }
.ours { fill: #1f2328; font-weight: 600 }
.bar { fill: #b4bcc5 } .bar.ours { fill: #2f6fde } .bar.floor { fill: #dde2e7 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 } .title, .ours { fill: #f0f6fc }
  .bar { fill: #565e68 } .bar.ours { fill: #5b93f5 } .bar.floor { fill: #363c44 }
}"""


def svg(results):
    """CPU time of each job, the bridge against each peer. Bars of a job are to scale; jobs among each other are not."""
    blocks = [result for result in results if result["unit"] == "µs" and result["against"] == "peers" and result["ratios"]]
    halves = _columns(blocks)
    height = 2 * _MARGIN + 20 + max((sum(map(_height, half)) for half in halves), default=0)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
             'aria-label="CPU time of each proxy for a request">',
             f"<style>{_STYLE}</style>",
             _text(_MARGIN, _MARGIN + 8, "CPU time of the proxy for a request, message or handshake (ours: × of it); shorter is better", "title")]
    for index, half in enumerate(halves):
        y = _MARGIN + 28
        for result in half:
            parts += _block(result, _MARGIN + index * (_COLUMN + _MARGIN), y)
            y += _height(result)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _height(result):
    return _HEAD + _ROW * len(result["proxies"]) + _GAP


def _columns(blocks):
    """In order, about as high."""
    left, right, rest = [], [], sum(map(_height, blocks)) / 2
    for block in blocks:
        (left if rest > 0 else right).append(block)
        rest -= _height(block)
    return left, right


def _block(result, x, y):
    longest = max(proxy["value"] for proxy in result["proxies"].values())
    parts = [_text(x, y + 11, result["title"], "title")]
    for row, (name, proxy) in enumerate(result["proxies"].items()):
        top = y + _HEAD + row * _ROW
        kind = "ours" if name == result["subject"] else "floor" if name.startswith("floor") else ""
        width = max(1.0, (_COLUMN - _NAMES - _VALUES) * proxy["value"] / longest)
        value = f"{proxy['value']:,.0f} µs" if proxy["value"] >= 100 else f"{proxy['value']:.1f} µs"
        ratio = result["ratios"].get(name)
        parts += [_text(x + _NAMES - 6, top + 10, name, kind, "end"),
                  f'<rect class="bar {kind}" x="{x + _NAMES}" y="{top + 1}" width="{width:.1f}" height="{_ROW - 4}" rx="2"/>',
                  _text(x + _NAMES + width + 5, top + 10, value + (f" (× {ratio['ratio']:.2f})" if ratio else ""), kind)]
    return parts


def _text(x, y, text, kind="", anchor="start"):
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
