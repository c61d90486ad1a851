"""The one error a user of Limen sees."""


class LimenError(Exception):
    """Bad input, a missing file or tool: one line that names what was wrong and what is allowed.

    The command line prints the line and exits with code 2; Python callers catch this class.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))
