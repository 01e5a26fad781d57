"""``python -m server`` is ``tap``."""

from server.ops.cli import main

main()
