"""Lets ``python -m geomeld_build.cli`` do what ``geomeld-build`` does."""

import sys

from geomeld_build.cli.app import main

sys.exit(main())
