"""python -m ISR: the command line."""

from ISR.cli import main

raise SystemExit(main())
