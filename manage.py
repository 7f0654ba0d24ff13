#!/usr/bin/env python
"""Django's command line; ``manage.py help`` lists what it can do."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import execute_from_command_line

    from config.libraries.optional import unused_left_out

    if sys.argv[1:2] == ["serve"]:
        # As the server that it starts: a tenth of the time until that answers.
        with unused_left_out():
            django.setup()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
