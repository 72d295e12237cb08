"""See commands.py."""

import sys

from commands import missing_signs

from nflows_core.runtime.cli import run

sys.exit(run(missing_signs, program="missing_signs"))
