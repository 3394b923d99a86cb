"""`python -m stylexfer`: see `stylexfer.cli`."""

import sys

from stylexfer.cli import main

sys.exit(main())
