"""`python -m llamaq`: the command line."""

import sys

from llamaq.importing import quick_imports

try:
    with quick_imports():
        from llamaq.cli.app import main
except ModuleNotFoundError as missing:
    remedy = "`pip install` this checkout, or `python3 run.py llamaq`"
    sys.exit(f"llamaq: the package {missing.name} is not installed for this Python: {remedy}")

sys.exit(main())
