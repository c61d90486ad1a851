"""The words of an artifact: README.md, and the appendix of a paper in the form of ACM and ctuning.org."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dse.artifact.item import Item, whole_minutes
from dse.report.latex_table import escaped
from workloads.host.text_tables import markdown_table
from workloads.version import VERSION

PREPARE = """\
#!/bin/sh
# Makes .venv with exact versions of packages, and in it Limen from the folder of its source: sh prepare.sh FOLDER
[ -f "$1/setup.cfg" ] || { echo "sh prepare.sh FOLDER: the folder of Limen's source"; exit 2; }
source=$(cd "$1" && pwd) && cd "$(dirname "$0")" || exit 2
"${PYTHON:-python3}" -m venv .venv &&
.venv/bin/pip --quiet install -r requirements.txt &&
.venv/bin/pip --quiet install --no-deps "$source"
"""


@dataclass(frozen=True)
class Facts:
    """What an appendix says of its artifact.

    disk_mib: of the artifact and of the packages; prepare_minutes: to install them, as a guess from their size.
    """

    title: str
    limen: str
    python: str
    processor: str
    cores: int
    data: Sequence[str]
    artifact_mib: float
    packages_mib: float
    packages: int

    @property
    def prepare_minutes(self) -> int:
        return 2 + math.ceil(self.packages_mib / 300)


SOURCE = "SOURCE"
"""The variable by which scripts ask for the folder of Limen's source."""

WHOLE = """\
`FULL=1 sh scripts/NAME.sh` computes all from scratch where a script otherwise takes a sample or stored designs.
"""


def readme(facts: Facts, items: Sequence[Item], needed: Collection[str] = ()) -> str:
    """Return README.md: how to run it, and a line for each table and figure. needed: variables that scripts ask for."""
    source = f"{SOURCE}=LIMEN " if SOURCE in needed else ""
    whole = WHOLE if whole_minutes(items) else ""
    lines = [
        [f"`{item.script}`", item.kind, item.title, f"{item.minutes:.1f}",
         "as it is" if item.whole_minutes is None else f"{item.whole_minutes:.1f}", item.how]
        for item in items
    ]  # fmt: skip
    table = markdown_table(["script", "of a", "shows", "minutes", "minutes, FULL=1", "computed again"], lines)
    return f"""\
# {facts.title}

Every table and figure, the script that computes it again, and what must come out.

    sh prepare.sh LIMEN    # once: a folder .venv, from the folder of Limen's source ({facts.limen})
    {source}PATH="$PWD/.venv/bin:$PATH" sh run-all.sh

Each script prints one line, `equal: …` or `differs: …` with the first difference, and ends with code 0 or 1; what it
computed is in `results/`, what must come out in `expected/`. Nothing has a tolerance.
{whole}Minutes are those of one machine ({facts.processor}, {facts.cores} cores); the first script takes about half a
minute more, while kernels are compiled.

{table}
`compare.py` compares; `manifest.json` names the SHA-256 of every file and of what it was made from; `requirements.txt`
pins {facts.packages} packages; `appendix.tex` is the appendix for the paper; `CITATION.cff` says how to cite; `LICENSE`
is Limen's.
"""


def appendix(facts: Facts, items: Sequence[Item]) -> str:
    """Return appendix.tex, to be read into a paper: check-list, description, installation, experiments, results."""
    minutes, from_scratch = sum(item.minutes for item in items), whole_minutes(items)
    whole = f"; from scratch {from_scratch:.1f} minutes" if from_scratch else ""
    full = r"\texttt{FULL=1} computes from scratch what otherwise is sampled; s" if from_scratch else "S"
    tables = sum(item.kind == "table" for item in items)
    checklist: Mapping[str, str] = {
        "Algorithm": "exact counting and pricing of accelerators, and the search among them",
        "Program": f"Limen {facts.limen}",
        "Compilation": "none by hand: Numba compiles kernels when they are first used",
        "Data set": f"{'; '.join(facts.data)}; in the artifact or in Limen, nothing is fetched",
        "Run-time environment": f"Linux, Python {facts.python}, {facts.packages} packages in exact versions",
        "Hardware": f"any x86-64; times are of {facts.processor}, {facts.cores} cores",
        "Execution": "sh run-all.sh, or one script a table and figure",
        "Metrics": "cycles, energy, latency, area, accuracy",
        "Output": f"tables as CSV: {tables}; pictures: {len(items) - tables}; and a line each: equal or differs",
        "Experiments": f"{len(items)} scripts",
        "How much disk space required (approximately)?":
            f"{math.ceil(facts.artifact_mib)} MiB, and {math.ceil(facts.packages_mib)} MiB of packages",
        "How much time is needed to prepare workflow (approximately)?": f"{facts.prepare_minutes} minutes",
        "How much time is needed to complete experiments (approximately)?":
            f"{minutes:.1f} minutes{whole}",
        "Publicly available?": "to be filled in by the authors",
        "Code licenses (if publicly available)?": "Apache-2.0",
        "Archived (provide DOI)?": "to be filled in by the authors",
    }  # fmt: skip
    listed = "\n".join(rf"  \item \textbf{{{escaped(key)}}} {escaped(value)}" for key, value in checklist.items())
    scripts = "\n".join(
        rf"  \item \texttt{{{escaped(item.script)}}}: {escaped(item.title)}; {escaped(item.time())} {escaped(item.how)}"
        for item in items
    )
    return rf"""% The form of ACM's artifact evaluation and of ctuning.org/ae; filled in by Limen {VERSION}.
\section{{Artifact Appendix}}
\subsection{{Abstract}}
{escaped(facts.title)}: every table and figure is computed again by a script, and compared exactly with what the paper
shows.

\subsection{{Artifact check-list (meta-information)}}
\begin{{itemize}}
{listed}
\end{{itemize}}

\subsection{{Description}}
\subsubsection{{How to access}} To be filled in by the authors.
\subsubsection{{Hardware dependencies}} None beyond the check-list's.
\subsubsection{{Software dependencies}} Python {escaped(facts.python)} and the packages of requirements.txt.
\subsubsection{{Data sets}} {escaped("; ".join(facts.data))}.

\subsection{{Installation}}
\texttt{{sh prepare.sh LIMEN}}, with the folder of Limen's source ({escaped(facts.limen)}).

\subsection{{Experiment workflow}}
\texttt{{sh run-all.sh}} runs the scripts one after another; each can be run alone:
\begin{{itemize}}
{scripts}
\end{{itemize}}

\subsection{{Evaluation and expected results}}
Each script prints equal or differs, with the first difference, and ends with code 0 or 1. Nothing has a tolerance.

\subsection{{Experiment customization}}
{full}tudies are pages of text.

\subsection{{Methodology}}
\texttt{{https://www.acm.org/publications/policies/artifact-review-and-badging-current}},
\texttt{{https://ctuning.org/ae}}
"""
