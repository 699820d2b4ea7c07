"""``python -m tfjslab`` is the ``tfjslab`` command."""

import sys

from tfjslab.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
