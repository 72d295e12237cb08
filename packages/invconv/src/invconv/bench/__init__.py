"""How long the exact inverse takes here, beside the convolution that it inverts: ``python -m invconv.bench``."""


class UsageError(Exception):
    """What the command line asks for is not possible here; the message says why and what to do."""
