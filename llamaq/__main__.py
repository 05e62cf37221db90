"""`python -m llamaq`: the command line."""

import sys

from llamaq.cli.app import main

sys.exit(main())
