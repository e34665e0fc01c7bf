"""What others bring becomes a release: fields of view are cropped, crops and tables are imported.

`crop` is what `coos crop` does: `fields` reads the table, `segment` finds nuclei, `cut` does one field, `report` and
`sheet` show what was done. `importing` is what `coos import` does, with `crops` of single cells. Both stand on `table`
(`delimited`, `names`), which reads what is known of the cells, on `images`, and on `write`, which lays the release out.
"""

from coos_helpers.bring.importing import import_cells
from coos_helpers.bring.table import Table, read_table
from coos_helpers.bring.write import write_release
