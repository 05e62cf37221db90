"""`python -m llamaq.cli`."""

import sys

from llamaq.cli.app import main

sys.exit(main())
