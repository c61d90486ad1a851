"""How Limen and the paper it examines are cited: CITATION.cff, by the Citation File Format 1.2.0."""

from __future__ import annotations

from typing import Any

from dse.artifact.pages import yaml_text
from workloads.version import VERSION

PAPER = {
    "type": "article",
    "title": "Threshold Neuron: A Brain-inspired Artificial Neuron for Efficient On-device Inference",
    "authors": [
        {"family-names": family, "given-names": given}
        for given, family in (
            ("Zihao", "Zheng"), ("Yuanchun", "Li"), ("Jiayu", "Chen"), ("Peng", "Zhou"), ("Xiang", "Chen"),
            ("Yunxin", "Liu"),
        )
    ],
    "year": 2024,
    "url": "https://arxiv.org/abs/2412.13902",
    "identifiers": [{"type": "other", "value": "arXiv:2412.13902"}],
}  # fmt: skip
"""Whose threshold neurons these are."""


def citation(limen_commit: str | None = None) -> str:
    """Return the text of a CITATION.cff; limen_commit: of the checkout, where files are as in one."""
    content: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use Limen, please cite it as below, and the paper whose neurons it examines.",
        "type": "software",
        "title": "Limen: cycle-accurate simulation and design-space exploration of threshold-neuron accelerators",
        "version": VERSION,
        "license": "Apache-2.0",
        "authors": [{"name": "The authors of Limen"}],
        "keywords": [
            "neural accelerators",
            "threshold neurons",
            "design-space exploration",
            "cycle-accurate simulation",
        ],
        "references": [PAPER],
    }
    if limen_commit is not None and not limen_commit.endswith("-dirty"):
        content["commit"] = limen_commit
    return yaml_text(content)
