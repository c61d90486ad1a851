"""`limen net`: accuracy, its check, training, and what they refuse."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from dse.cli.net import FAMILY_OPS
from tests.support.command import LIMEN, Outcome, refused, run_command
from workloads.host.files import read_arrays
from workloads.networks import family


def net(*arguments: str, cwd: Path) -> Outcome:
    """Run `limen net` without a data folder, unless the arguments name one."""
    return run_command("net", *arguments, cwd=cwd, LIMEN_DATA=None)


def test_ops_are_those_of_families() -> None:
    assert tuple(FAMILY_OPS) == family.family_ops()


def test_accuracy_of_every_op(tmp_path: Path) -> None:
    rows = json.loads(net("accuracy", "digits", "--json", cwd=tmp_path).stdout)
    assert [row["network"].split("-x8")[0] for row in rows] == [f"digits-{op}" for op in FAMILY_OPS]
    for row in rows:
        assert row["source"] == "measured" and row["images"] == 449 and row["accuracy"] == row["right"] / 449 > 0.95


def test_stored_accuracy_where_the_data_is_absent(tmp_path: Path) -> None:
    text = net("accuracy", "mnist", "--op", "threshold", cwd=tmp_path).stdout
    assert "mnist-threshold-x8-w8 test: 99." in text and "stored; the data set is not available" in text


def test_check_measures_again(tmp_path: Path) -> None:
    text = net("accuracy", "digits", "--check", "--sample", "5", "--seed", "1", cwd=tmp_path).stdout
    assert text.strip().endswith("digits: 5 stored accuracies measured again, mismatches 0")


def test_check_of_mnist(shared: Callable[[str], Path], tmp_path: Path) -> None:
    arguments = ("accuracy", "mnist", "--check", "--sample", "1", "--data", str(shared("data")))
    assert "mismatches 0" in net(*arguments, cwd=tmp_path).stdout


def test_check_without_data_names_the_files(tmp_path: Path) -> None:
    outcome = net("accuracy", "mnist", "--check", cwd=tmp_path)
    refused(outcome, "mnist", "train-images-idx3-ubyte", "--data", "LIMEN_DATA")


def test_training_is_resumed_from_the_command_line(tmp_path: Path) -> None:
    """Killed while it trains: what is there is whole, and the same command ends with the bytes of an unbroken run."""
    source = Path(family.SHIPPED) / "digits"
    for name in ("recipe.yaml", "mac.yaml"):
        shutil.copy(source / name, tmp_path / name)
    recipe = tmp_path / "recipe.yaml"
    text = recipe.read_text().replace("epochs: 100", "epochs: 6").replace("tuning_epochs: 30", "tuning_epochs: 0")
    recipe.write_text(text)
    command = [*LIMEN, "net", "train", "recipe.yaml", "--op", "mac", "--out", "killed"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        checkpoint = tmp_path / "killed" / "mac-float.checkpoint.npz"
        while not checkpoint.exists() and process.poll() is None:
            pass
        process.kill()
    if checkpoint.exists():  # else the training was over before it could be killed: nothing to resume
        assert read_arrays(checkpoint)
    for out in ("killed", "whole"):
        outcome = net("train", "recipe.yaml", "--op", "mac", "--out", out, cwd=tmp_path)
        assert "digits-mac-x8-w8: test accuracy" in outcome.stdout
    for path in (path for path in (tmp_path / "whole").iterdir() if path.name != "manifest.json"):
        assert path.read_bytes() == (tmp_path / "killed" / path.name).read_bytes(), path.name


def test_bad_arguments(tmp_path: Path) -> None:
    refused(net("train", "letters", "--out", "o", cwd=tmp_path), "recipe", "'letters'", "digits")
    refused(net("train", "--op", "pool", "--out", "o", cwd=tmp_path), "pool", "mac-threshold")
    refused(net("train", "mnist", "--out", "o", cwd=tmp_path), "mnist", "idx3", "LIMEN_DATA")
    refused(net("accuracy", "digits", "--op", "shift", "--w-bits", "8", cwd=tmp_path), "w_bits", "2 to 5")
    refused(net("accuracy", "digits", "--check", "--sample", "0", cwd=tmp_path), "sample", "0")
    assert not list(tmp_path.iterdir())
