"""A release of cell images on disk, opened as splits and checked before any number is made from it."""

from coos_helpers.data.design import design
from coos_helpers.data.errors import DataError
from coos_helpers.data.release import open_release, open_split
from coos_helpers.data.split import Split
