"""What holds for the tests of every package."""

import os

# Tests call small operators of two OpenMP runtimes, torch's and ours, in turn, and start processes side by side: idle
# threads that spin would take the cores from those that work. Read when the runtimes are loaded, hence here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
