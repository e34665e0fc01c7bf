"""What others bring becomes a release: fields of view are cropped, crops and tables are imported.

`table` reads what is known of the cells, `images` a picture, `write` lays the release out.
"""

from coos_helpers.bring.table import Table, read_table
from coos_helpers.bring.write import write_release
