"""Tables of what was trained and not shipped: tries of deep networks, studies of depth and of unknown speakers."""

from __future__ import annotations

import csv
import json

from dse.report import depth_report, speaker_report
from tests.support.paths import ROOT
from workloads.host.text_tables import markdown_table
from workloads.studies import depth, speakers

TRIES = ROOT / "docs" / "training" / "tries.csv"
DEPTH = ROOT / "docs" / "depth"
SPEAKERS = ROOT / "docs" / "speakers"
NOTHING = "–"


def tries() -> str:
    """Return every try, in the order in which they ended."""
    with TRIES.open(encoding="utf-8") as file:
        lines = [_try(row) for row in csv.DictReader(file)]
    head = [
        "try",
        "data set",
        "op",
        "network",
        "layers",
        "M operations",
        "epochs",
        "images",
        "rate",
        "seed",
        "settings",
    ]
    return markdown_table([*head, "float", "8 bits", "4 bits"], lines)


def _try(row: dict[str, str]) -> list[str]:
    operations = f"{int(row['operations']) / 1e6:.1f}" if row["operations"] else NOTHING
    settings = json.loads(row["settings"] or "{}")
    told = ", ".join(f"{key} {value}" for key, value in settings.items() if key != "code") or NOTHING
    accuracies = [f"validation_{width}" for width in ("float", "8_bits", "4_bits")]
    shown = [f"{100 * float(row[name]):.2f}" if row[name] else NOTHING for name in accuracies]
    if row["note"]:
        shown[0] = row["note"]
    plain = (row["layers"] or NOTHING, operations, row["epochs"], row["images"] or NOTHING, row["learning_rate"])
    return [
        row["name"],
        row["dataset"],
        row["op"],
        _network(json.loads(row["spec"])),
        *plain,
        row["seed"],
        told,
        *shown,
    ]


def _network(spec: dict) -> str:
    """Return a network in words: stem kernel / stride, channels; blocks x channels by stage."""
    kernel, stride, channels = spec["stem"]
    stages = ", ".join(f"{blocks} × {width}" for width, blocks in spec["stages"])
    form = "residual" if spec.get("residual", True) else "plain"
    projected = ", projections" if spec.get("projection") else ""
    return f"{form}{projected}: {kernel} × {kernel} / {stride} ({channels}), {stages}"


def depths(dataset: str) -> str:
    rows = depth.read_rows(DEPTH / f"{dataset}-runs.csv")
    return depth_report.table_markdown(depth_report.summarise(rows))


def unknown_speakers() -> str:
    return speaker_report.table_markdown(speakers.read_rows(SPEAKERS / "runs.csv"))
