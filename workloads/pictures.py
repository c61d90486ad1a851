"""Matplotlib without a screen, its cache in a folder that can be written."""

from __future__ import annotations

import os

from workloads.caches import cache_folder, can_write, user_folder

if not os.environ.get("MPLCONFIGDIR"):
    settings, cache = user_folder("XDG_CONFIG_HOME", ".config"), user_folder("XDG_CACHE_HOME", ".cache")
    if not all(can_write(folder / "matplotlib") for folder in (settings, cache)):
        os.environ["MPLCONFIGDIR"] = str(cache_folder() / "matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["Figure", "FigureCanvasAgg"]
