"""A name means what comes with Limen, or a file: told by its end, the same everywhere."""

from pathlib import Path

import pytest

from cost_models.table.table import built_in_tables, table_path
from dse.space.study_spec import built_in_studies, study_path
from simulator.designs.built_in import built_in_designs, load_design
from workloads.errors import LimenError
from workloads.host.names import TABLE, is_file_name, named_file
from workloads.networks.family import find_recipe

FINDERS = {"design": load_design, "study": study_path, "recipe": find_recipe, "costs": table_path}


def test_a_name_is_what_comes_with_limen_or_a_files_by_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").touch()  # a file of that name changes nothing
    for built_in in (built_in_designs(), built_in_studies(), built_in_tables()):
        for name, path in built_in.items():
            assert named_file("field", name, built_in) == path and path.is_file()
    assert named_file("field", "digits.yml", {"digits": Path("x")}) == Path("digits.yml")
    assert named_file("field", Path("a/b.csv"), {}, TABLE) == Path("a/b.csv")
    assert [is_file_name(name) for name in ("a.yaml", "a.yml", "a.csv", "yaml", "a.yaml.txt")] == [
        True,
        True,
        *[False] * 3,
    ]


@pytest.mark.parametrize("field", FINDERS)
def test_any_other_name_is_refused_naming_what_there_is(field):
    end = "csv" if field == "costs" else "yaml"
    with pytest.raises(LimenError, match=rf"^{field}: 'gold' is not allowed: .*\S or a \.{end} file$"):
        FINDERS[field]("gold")
