"""What is said when a release cannot be used."""


class DataError(ValueError):
    """Say in one message which file is wrong, what was found, what was expected and what to do.

    Parameters
    ----------
    path : the file or folder.
    found, expected : a few words each, without a full stop.
    remedy : a sentence.
    """

    def __init__(self, path, found, expected, remedy):
        super().__init__(path, found, expected, remedy)

    def __str__(self):
        path, found, expected, remedy = self.args
        return f"{path}: found {found}; expected {expected}. {remedy}"
