"""What the workloads of a study were trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas

from dse.space.workload import title_of
from workloads.errors import LimenError

if TYPE_CHECKING:
    from dse.study.study import Study


def datasets_of(study: Study, trials: pandas.DataFrame) -> dict[str, str]:
    """Return the data set of each workload by its title: of those of which a trial has figures.

    trials: as `Study.trials` has them. Raises LimenError for several workloads that one design runs.
    """
    if study.spec.is_shared:
        raise LimenError(f"{study.folder}: workloads: several that a design runs are not allowed; axis workload")
    priced = trials[trials["refusal"] == ""]
    names = priced["workload"] if "workload" in priced else pandas.Series(title_of(study.workload), priced.index)
    firsts = priced.groupby(names, sort=False)["trial"].first()
    networks = {str(title): study.numbered(int(trial)).network for title, trial in firsts.items()}
    return {title: network.dataset or title for title, network in networks.items()}
