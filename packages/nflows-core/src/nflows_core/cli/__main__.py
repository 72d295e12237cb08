"""``python -m nflows_core.cli``: what ``nflows`` is, where no script was installed."""

from nflows_core.cli import main

main()
