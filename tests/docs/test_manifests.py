"""Every table and picture in docs says where it comes from."""

from __future__ import annotations

from tests.docs.manifests import DOCS, unnamed_results
from tests.support.manifests import results


def test_results_in_docs_have_a_manifest() -> None:
    assert [path for path in results(DOCS) if path.suffix == ".png"]
    assert unnamed_results() == [], (
        "written without its manifest: copy that, too, or run python -m tests.docs.manifests"
    )
