"""What others bring becomes a release: fields of view are cropped, crops and tables are imported.

`importing` is what `coos import` does; `table` (`delimited`, `names`) reads what is known of the cells, `images` an
image, `crops` those of single cells; `write` lays the release out.
"""

from coos_helpers.bring.importing import import_cells
from coos_helpers.bring.table import Table, read_table
from coos_helpers.bring.write import write_release
