"""The balanced error against the severity of a shift, as a drawing for a page: what fills an SVG of 300 x 150."""

from html import escape

import numpy as np


def curve(errors, at, steps):
    """Draw (S, 3) errors in percent, with intervals, against S severities, with a ring around the current one, `at`.

    Gives the points, a list of S [x, y, y of the interval's low end, y of its high end], and the parts of the drawing.
    """
    top = max(np.nanmax(errors), 1)
    step = next(step for step in (1, 2, 5, 10, 20, 25) if 4 * step >= top or step == 25)
    scale = np.arange(0, top + step, step)
    place = 122 - 112 * np.array(scale) / scale[-1]
    points = np.column_stack([np.linspace(46, 290, len(errors)), 122 - 112 * errors / scale[-1]]).round(1).tolist()
    names = zip(points, steps, strict=True)  # the first word of each is written under the axis
    return points, {
        "line": " ".join(f"{x},{y}" for x, y, _, _ in points),
        "bars": "".join(f'<path d="M{x} {low}V{high}" stroke="#D55E00"/>' for x, _, low, high in points),
        "dots": "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="#D55E00"/>' for x, y, _, _ in points),
        "ticks": "".join(
            f'<text x="40" y="{y + 4:.0f}" text-anchor="end">{v:g}</text>' for y, v in zip(place, scale, strict=True)
        ),
        "names": "".join(
            f'<text x="{p[0]}" y="136" text-anchor="middle">{escape(str(s).split()[0])}</text>' for p, s in names
        ),
        "x": points[at][0],
        "y": points[at][1],
    }
