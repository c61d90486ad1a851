"""Limen: cycle-accurate accelerators of threshold neurons. Public names load when first used."""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PUBLIC = {
    "Design": "simulator.designs.design",
    "Family": "workloads.networks.family",
    "Layer": "workloads.layers.layer",
    "LayerParameters": "workloads.layers.layer",
    "LimenError": "workloads.errors",
    "Network": "workloads.networks.network",
    "Proof": "simulator.rtl.proof",
    "Run": "simulator.run",
    "Study": "dse.study.study",
    "export": "simulator.run",
    "kernel_table": "dse.report.kernel_frame",
    "load_design": "simulator.designs.built_in",
    "load_family": "workloads.networks.family",
    "network": "workloads.networks.family:find_network",
    "plot_roofline": "dse.report.roofline_plot",
    "price": "cost_models.price.price",
    "simulate": "simulator.run",
    "system_definitions": "dse.system.frame",
    "system_table": "dse.system.frame",
    "verify": "simulator.rtl.verify",
}
__all__ = [*_PUBLIC, "main"]
__path__ = [os.path.join(_HERE, "workloads", "pytorch", "public")]
"""Where `import limen.torch` finds its module: limen has no folder of its own."""


def _claim(package: str) -> None:
    """Load our own package of this name: a user's folder of the same name in the way must not shadow it."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        if _HERE not in map(os.path.dirname, map(os.path.abspath, getattr(loaded, "__path__", []))):
            raise ImportError(f"another package named {package!r} is loaded already; import limen before it")
        return
    spec = importlib.machinery.PathFinder.find_spec(package, [_HERE])
    if spec is None or spec.loader is None:
        raise ImportError(f"package {package!r} is missing beside {__file__}; reinstall limen")
    sys.modules[package] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[package])


list(map(_claim, ("workloads", "simulator", "cost_models", "dse")))


def __getattr__(name: str) -> object:
    if name == "torch":  # in no list of names: it needs PyTorch, and loads it
        return importlib.import_module("limen.torch")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'limen' has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)


def main() -> None:
    """Run the command line."""
    importlib.import_module("dse.cli.ending").main()


if __name__ == "__main__":
    main()
