"""Where made things lie, each under a key that is the content of what made it.

The key of a thing covers the data, the settings and the code of every module of `coos_helpers` that had a part in it.
"""

from coos_helpers.store.code import closure, imported
from coos_helpers.store.features import kept
from coos_helpers.store.files import FULL, ROOM, atomic, check_zip, root
from coos_helpers.store.keys import code_key, key, seal, split_key, unseal
from coos_helpers.store.lock import alone
