"""libvips, loaded at the first need: not by whoever enlarges a small picture."""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any

from ISR.errors import PictureError


def loaded() -> Any:
    """pyvips, quiet and without a cache. PictureError where it cannot be loaded."""
    os.environ.setdefault("VIPS_WARNING", "1")  # which switches its warnings off; it reads this when it is loaded
    try:
        vips = importlib.import_module("pyvips")
    except (ImportError, OSError) as error:
        raise PictureError(f"this picture needs libvips: pip install 'pyvips[binary]' ({error})") from error
    logging.getLogger("pyvips").setLevel(logging.ERROR)  # what is wrong with a file is raised
    vips.cache_set_max(0)
    return vips
