"""What a classifier said of each cell: made, kept, entered into the run's table, read again."""

from coos_helpers.results.evaluate import evaluate_classifier, evaluate_network
from coos_helpers.results.intervals import (
    difference_table,
    fewest_wells,
    interval_table,
    interval_text,
    method_intervals,
)
from coos_helpers.results.predictions import FAMILIES, Predictions, Representation, Results
from coos_helpers.results.read import read_results
from coos_helpers.results.register import enter
from coos_helpers.results.score import score
from coos_helpers.results.select import (
    by_method,
    confusion_selection,
    family,
    headline_rows,
    most_confident_cells,
    rank_layers,
    row_title,
    test_splits,
)
from coos_helpers.results.stored import load_stored
from coos_helpers.results.tables import (
    bootstrap_unit,
    error_table,
    resampled_error_rows,
)
