"""Figures of a design on its workloads: their names, units and formulas, and which of them a study seeks or bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dse.space.workload import titles

if TYPE_CHECKING:
    from dse.space.study_spec import StudySpec

Figures = dict[str, Any]


class Figure(NamedTuple):
    """One figure that a study can seek, bound or draw. docs/study-format.md has all of them as a table.

    words, unit: as an axis of a picture says them; unit: "" of a share or a count. formula: of other figures or in
    words. direction: which is better. by_factor: whether a factor counts and not a difference: such figures enter the
    knee, and pictures, as logarithms. sought: whether it can be an objective; all but `test_accuracy` can be bounded.
    """

    words: str
    unit: str
    formula: str
    direction: str = "min"
    by_factor: bool = True
    sought: bool = True

    @property
    def label(self) -> str:
        """The figure beside an axis of a picture."""
        return f"{self.words} ({self.unit})" if self.unit else self.words


CATALOGUE = {
    "energy_uj": Figure("energy per image", "µJ", "the price's, DRAM included"),
    "latency_us": Figure("latency per image", "µs", "cycles · clock_ns / 1000"),
    "area_mm2": Figure("area", "mm²", "the chip's; no DRAM in it"),
    "accuracy": Figure("validation accuracy", "", "share of the validation split", "max", by_factor=False),
    "power_mw": Figure("power", "mW", "1000 · energy_uj / latency_us"),
    "edp_uj_us": Figure("energy-delay product", "µJ·µs", "energy_uj · latency_us"),
    "ed2p_uj_us2": Figure("energy-delay² product", "µJ·µs²", "energy_uj · latency_us²"),
    "tops_per_w": Figure("efficiency", "TOPS/W", "operations / (10⁶ · energy_uj)", "max"),
    "tops_per_mm2": Figure("density", "TOPS/mm²", "operations / (10⁶ · latency_us · area_mm2)", "max"),
    "inferences_per_j": Figure("images per joule", "1/J", "10⁶ / energy_uj", "max"),
    "device_kib": Figure("memory on the chip", "KiB", "buffers, and a main memory's content where it is there"),
    "cycles": Figure("cycles per image", "", "from `start` to `done`"),
    "clock_ns": Figure("clock period", "ns", "of the slowest path", by_factor=False, sought=False),
    "pes": Figure("PEs", "", "rows · cols", sought=False),
    "test_accuracy": Figure("test accuracy", "", "share of the test split", "max", by_factor=False, sought=False),
}
"""What a study can seek, bound or draw. Accuracy is the validation split's; the test split only reports."""


def figure(name: str) -> Figure:
    """Return a figure of the catalogue, or else one of the user's own."""
    return CATALOGUE.get(name) or Figure(name, "", "the user's own function", by_factor=False)


OBJECTIVES = tuple(name for name, figure in CATALOGUE.items() if figure.sought)
"""What a study can optimise."""

CONSTRAINABLE = tuple(name for name in CATALOGUE if name != "test_accuracy")
"""What a study can bound."""

COST_FIGURES = (
    "energy_uj",
    "latency_us",
    "area_mm2",
    "clock_ns",
    "clock_component",
    "clock_method",
    "power_mw",
    "array_share",
    "memory_share",
    "dram_share",
    "assumed_share",
    "energy_assumed_share",
    "area_assumed_share",
    "buffers_kib",
    "device_kib",
)
"""Figures of `cost_models.price.price.Cost` that a trial stores."""

COUNTED_FIGURES = ("cycles", "stall_cycles", "dram_bytes", "operations")
"""The figures that are whole numbers unless an image has a share of a pass."""

DERIVED_FIGURES = ("edp_uj_us", "ed2p_uj_us2", "tops_per_w", "tops_per_mm2", "inferences_per_j")
"""Those of `derived`."""

ACCURACIES = ("accuracy", "test_accuracy")
FIGURES = (
    *COUNTED_FIGURES,
    "utilisation",
    "acc_bits",
    "pes",
    *COST_FIGURES,
    *DERIVED_FIGURES,
    *ACCURACIES,
)
"""All figures of a trial, in the order of trials.csv; the accuracies only where the workload has data."""

MISSING = "missing_bytes"
"""In trials.csv: bytes of memory that a point lacks: 0 of one with figures, nothing where bytes don't say why."""

COLUMNS = (*FIGURES, "trial", "design", "x_bits", "w_bits", "costs", "workload", MISSING, "refusal", "feasible")
"""Of trials.csv, but for axes that a space names: no figure of the user's own is called so."""

EACH = ("cycles", "energy_uj", "latency_us", "accuracy", "test_accuracy")
"""Figures that trials of several workloads store of each as well, under `WORKLOAD.FIGURE`."""

OF_WORKLOADS = (
    *(*COUNTED_FIGURES, "utilisation", "energy_uj", "latency_us", "power_mw"),
    *(*DERIVED_FIGURES, *ACCURACIES),
)
"""Figures that several workloads have each of their own, see `dse.space.reduction`; the rest is the design's."""

TEXT_FIGURES = ("clock_component", "clock_method")
"""Those of them that are no numbers."""

OPS_OF_A_PAIR = 2
"""An operand pair is an op and an addition, as in all figures of TOPS."""


def derived(figures: Figures) -> Figures:
    """Return the figures that follow from others, by the formulas of `CATALOGUE`: of one design, or of many, [designs].

    They must be the same to the bit for one and for many: products and quotients, one after another, are.
    """
    energy, latency, operations = (figures[name] for name in ("energy_uj", "latency_us", "operations"))
    return {
        "edp_uj_us": energy * latency,
        "ed2p_uj_us2": energy * latency * latency,
        "tops_per_w": operations / energy / 1e6,
        "tops_per_mm2": operations / latency / figures["area_mm2"] / 1e6,
        "inferences_per_j": 1e6 / energy,
    }


def figure_names(spec: StudySpec) -> tuple[str, ...]:
    """Return the names of all figures of a study's trials, in the order of trials.csv."""
    if not spec.is_shared:
        return (*FIGURES, *spec.figures)
    return (*FIGURES, *(f"{title}.{name}" for title in titles(spec.workloads) for name in EACH), *spec.figures)


def whole_figures(spec: StudySpec) -> tuple[str, ...]:
    """Return the figures of a study that are whole numbers."""
    fractions = spec.shares_passes or spec.is_shared
    return (*(() if fractions else COUNTED_FIGURES), "acc_bits", "pes")
