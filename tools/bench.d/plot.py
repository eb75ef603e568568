"""Draws the result of a run as one SVG: run time with a mark per kernel, compile throughput, start-up."""
import math

W, LEFT, RIGHT, ROW, HEAD = 860, 150, 70, 24, 46
CSS = """text{font:12px sans-serif;fill:#222}.t{font-size:15px;font-weight:bold}.s{fill:#666;font-size:11px}
.g{stroke:#ddd}.b{fill:#9db8d9}.r{fill:#d9822b}.k{stroke:#345;stroke-opacity:.55;stroke-width:1.4}
@media(prefers-color-scheme:dark){text{fill:#ddd}.s{fill:#aaa}.g{stroke:#444}.k{stroke:#cde}svg{background:#1b1b1b}}"""


class Panel:
    """One block of horizontal bars on a logarithmic or linear axis."""

    def __init__(self, title, note, unit, rows, log):
        self.title, self.note, self.unit, self.rows, self.log = title, note, unit, rows, log
        values = [v for _, bar, marks in rows for v in [bar, *marks] if v and v > 0]
        self.low = min(values + [1.0]) * 0.9 if log else 0
        self.high = max(values) * 1.08

    def height(self):
        return HEAD + ROW * len(self.rows) + 34

    def x(self, v):
        span = W - LEFT - RIGHT
        if self.log:
            return LEFT + span * math.log(v / self.low) / math.log(self.high / self.low)
        return LEFT + span * v / self.high

    def ticks(self):
        if self.log:
            return [t for t in (.1, .25, .5, .75, 1, 1.5, 2, 3, 5, 10, 20, 50, 100) if self.low <= t <= self.high]
        step = 10 ** math.floor(math.log10(self.high / 2))
        step *= next(m for m in (1, 2, 5, 10) if self.high / (step * m) <= 8)
        return [i * step for i in range(int(self.high / step) + 1)]

    def draw(self, top):
        out = [f'<text class="t" x="8" y="{top + 18}">{self.title}</text>',
               f'<text class="s" x="8" y="{top + 34}">{self.note}</text>']
        bottom = top + HEAD + ROW * len(self.rows)
        for t in self.ticks():
            out.append(f'<line class="g" x1="{self.x(t):.1f}" x2="{self.x(t):.1f}" y1="{top + HEAD}" y2="{bottom}"/>'
                       f'<text class="s" text-anchor="middle" x="{self.x(t):.1f}" y="{bottom + 14}">{t:g}</text>')
        for i, (name, bar, marks) in enumerate(self.rows):
            y = top + HEAD + ROW * i
            out.append(f'<text x="8" y="{y + 16}">{name}</text>')
            if not bar:
                out.append(f'<text class="s" x="{LEFT + 4}" y="{y + 16}">not measured</text>')
                continue
            kind = "r" if name.startswith("rille") else "b"
            x0, x1 = sorted([self.x(1) if self.log else LEFT, self.x(bar)])  # ratios grow from 1, to either side
            out.append(f'<rect class="{kind}" x="{x0:.1f}" y="{y + 4}" height="{ROW - 8}" width="{max(x1 - x0, 1):.1f}"/>')
            out += [f'<line class="k" x1="{self.x(m):.1f}" x2="{self.x(m):.1f}" y1="{y + 2}" y2="{y + ROW - 2}"/>' for m in marks]
            out.append(f'<text x="{W - RIGHT + 6}" y="{y + 16}">{bar:.2f}{self.unit}</text>')
        return out


def svg(panels):
    body, top = [], 4
    for p in panels:
        body += p.draw(top)
        top += p.height()
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {top}" width="{W}" height="{top}">'
            f'<style>{CSS}</style>\n' + "\n".join(body) + "\n</svg>\n")
