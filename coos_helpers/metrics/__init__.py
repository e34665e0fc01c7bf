"""From labels and predictions to numbers, and how surely they are known."""

from coos_helpers.metrics.bootstrap import (
    bootstrap_interval,
    difference_interval,
    resampled_errors,
    resampled_sensitivities,
)
from coos_helpers.metrics.calibration import (
    calibrated_errors,
    calibration_intervals,
    confidences,
    confident_errors,
    expected_calibration_error,
    reliability_curve,
    selective_accuracy,
)
from coos_helpers.metrics.intervals import error_intervals, sensitivity_intervals
from coos_helpers.metrics.scores import (
    absent_classes,
    balanced_error,
    common_errors,
    confusion_matrix,
    sensitivities,
)
