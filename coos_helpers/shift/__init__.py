"""Did the data shift, and why: tests that permute wells, and a gap divided among its causes."""

from coos_helpers.shift.confusion_difference import difference_test
from coos_helpers.shift.sample import Sample, halves, subsample_pca
from coos_helpers.shift.two_sample import classifier_test, mmd_test
