"""From numbers to figures and tables, on white and readable without colour."""

from coos_helpers.plots.axes import boxes, frame, heatmap, plain_log, plain_numbers, signed
from coos_helpers.plots.static import COLOURS, MARKERS, absent, by_class, by_split, sheet, sign, style, table
