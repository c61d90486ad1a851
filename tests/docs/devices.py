"""The best devices on one chip: the built-in study `small` swept, its best in a file, a page and a picture of it."""

from __future__ import annotations

from dse.report.device_plot import plot_devices
from dse.report.device_table import WITHIN_POINTS, DeviceTable, Trials, device_table, table_csv, table_markdown
from dse.report.device_table import table_of_csv as stored_table
from dse.study.study import Study
from dse.study.tasks import datasets_of
from tests.support.paths import ROOT
from workloads.host.scratch import scratch_folder

STORED = ROOT / "docs" / "tables" / "devices.csv"
SOURCE = "runs/small"
BUDGETS_KIB = (16.0, 32.0, 64.0, 128.0, 256.0)


def swept() -> bytes:
    """Sweep the study, some minutes, and return the file of the best."""
    with scratch_folder() as folder:
        study = Study("small", folder / "small").run()
        rows = study.trials()
        trials = Trials(rows, SOURCE, datasets_of(study, rows), study.space_size)
        return table_csv(device_table(trials, BUDGETS_KIB, WITHIN_POINTS)).encode()


def stored() -> DeviceTable:
    """Return the best as they were found."""
    return stored_table(STORED.read_text(encoding="utf-8"), SOURCE)


def table() -> str:
    return table_markdown(stored())


def picture() -> bytes:
    """Return the picture of the best."""
    with scratch_folder() as folder:
        path = folder / "devices.png"
        plot_devices(stored(), path)
        return path.read_bytes()
