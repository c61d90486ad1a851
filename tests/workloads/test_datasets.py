"""The loaders of data sets: on small files of exactly the distributed form, and on the real ones where they are."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.workloads.dataset_files import (
    MATLAB,
    bytes_of,
    needs_scipy,
    pack_cifar,
    tone,
    write_mat,
    write_mnist,
    write_table,
    written,
)
from workloads import datasets
from workloads.datasets import spoken_digits, uci_har
from workloads.datasets.matlab import read_mat
from workloads.datasets.unimib_shar import SUBJECTS
from workloads.errors import LimenError

SIZES = {
    "mnist": (54, 6, 20),
    "fashion-mnist": (54, 6, 20),
    "cifar-10": (45, 5, 10),
    "svhn": (36, 4, 20),
    "uci-har": (12, 12, 12),
    "unimib-shar": (54, 18, 18),
    "spoken-digits": (20, 50, 50),
}
"""Train, validation and test samples of each set as `written`."""


NAMES = [pytest.param(name, marks=needs_scipy if name in MATLAB else ()) for name in SIZES]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_set_loads_from_its_distributed_form(tmp_path, monkeypatch, name):
    folder = written(tmp_path, name)
    source = datasets.dataset(name)
    rows = []
    for split, samples in zip(datasets.SPLITS, SIZES[name], strict=True):
        pixels, labels = datasets.load_split(name, split, tmp_path)
        assert pixels.shape == (samples, *source.shape) and pixels.dtype == np.uint8 and pixels.flags.c_contiguous
        assert labels.shape == (samples,) and labels.dtype == np.int64
        assert labels.min() >= 0 and labels.max() < source.classes
        assert not pixels.flags.writeable and not labels.flags.writeable
        rows += [image.tobytes() for image in pixels]
        assert same(datasets.load_split(name, split, folder), (pixels, labels))
    assert len(set(rows)) == sum(SIZES[name])  # every sample, none in two splits
    train = datasets.load_split(name, "train", tmp_path)[1]
    assert not np.array_equal(train, np.sort(train))
    assert not datasets.available(name, tmp_path / "elsewhere") and datasets.available(name, str(tmp_path))
    monkeypatch.setenv("LIMEN_DATA", str(tmp_path))
    assert datasets.content_hash(name) == datasets.content_hash(name, folder)


def test_idx_files_may_be_unpacked(tmp_path):
    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    for folder, suffix in ((packed, ".gz"), (unpacked, "")):
        folder.mkdir()
        write_mnist(folder, suffix)
    assert datasets.content_hash("mnist", packed) == datasets.content_hash("mnist", unpacked)


def test_test_images_stay_in_their_order_and_train_images_keep_their_labels(tmp_path):
    folder = written(tmp_path, "mnist")
    pixels, labels = datasets.load_split("mnist", "test", folder)
    assert np.array_equal(pixels[..., 0], bytes_of(20, 28, 28, seed=20))
    assert np.array_equal(labels, np.arange(20) % 10)
    known = {image.tobytes(): row % 10 for row, image in enumerate(bytes_of(60, 28, 28, seed=60))}
    pixels, labels = datasets.load_split("mnist", "train", folder)
    assert [known[image.tobytes()] for image in pixels] == labels.tolist()


def test_one_idx_set_is_never_taken_for_the_other(tmp_path):
    folder = written(tmp_path, "fashion-mnist")
    assert datasets.available("fashion-mnist", folder) and not datasets.available("mnist", folder)


def test_cifar_planes_become_channels_and_the_archive_is_read_as_it_is(tmp_path):
    folder = written(tmp_path, "cifar-10")
    records = np.frombuffer((folder / "test_batch.bin").read_bytes(), dtype=np.uint8).reshape(10, 3073)
    pixels, labels = datasets.load_split("cifar-10", "test", folder)
    assert np.array_equal(labels, records[:, 0])
    assert pixels[3, 5, 7].tolist() == records[3, [1 + 5 * 32 + 7, 1025 + 5 * 32 + 7, 2049 + 5 * 32 + 7]].tolist()
    (tmp_path / "cifar-10").mkdir()
    for path in folder.iterdir():
        path.rename(tmp_path / "cifar-10" / path.name)
    pack_cifar(tmp_path / "cifar-10")
    assert same(datasets.load_split("cifar-10", "test", tmp_path), (pixels, labels))


@needs_scipy
def test_svhn_label_ten_is_digit_zero(tmp_path):
    pixels, labels = datasets.load_split("svhn", "test", written(tmp_path, "svhn"))
    assert np.array_equal(labels, (np.arange(20) + 1) % 10)
    assert np.array_equal(pixels[4], bytes_of(32, 32, 3, 20, seed=20)[..., 4])


def test_har_signals_are_scaled_about_mid_and_saturate(tmp_path):
    folder = written(tmp_path, "uci-har")
    for channel, name in enumerate(uci_har.signal_files("test")):
        table = np.zeros((12, 128))
        table[:, :4] = [1.0, -1.5, -3.0, 5.0]
        table[:, 4 + channel] = 0.5
        write_table(folder / name, table)
    pixels, _ = datasets.load_split("uci-har", "test", folder)
    assert pixels[0, :4, 0, 0].tolist() == [192, 32, 0, 255]  # body_acc_x: 64 a g
    assert pixels[0, :4, 0, 3].tolist() == [160, 80, 32, 255]  # body_gyro_x: 32 a rad/s
    assert pixels[0, :4, 0, 8].tolist() == [192, 32, 0, 255]  # total_acc_z
    assert np.array_equal(pixels[0, 4:13, 0, :] != 128, np.eye(9, dtype=bool))


@needs_scipy
def test_unimib_axes_scale_and_people(tmp_path):
    folder = written(tmp_path, "unimib-shar")
    data = np.zeros((90, 453))
    data[:, 0], data[:, 151], data[:, 302] = 9.80665, -9.80665, 40
    data[:, 1] = np.arange(90) % 30 + 1 - 20  # the subject, as a signal
    write_mat(folder / "acc_data.mat", acc_data=data)
    for split in datasets.SPLITS:
        pixels, _ = datasets.load_split("unimib-shar", split, folder)
        assert pixels[0, 0, 0].tolist() == [191, 65, 255] and (pixels[:, 2:] == 128).all()
        others = set(range(1, 31)) - {*SUBJECTS["test"], *SUBJECTS["validation"]}
        people = np.array(sorted(SUBJECTS.get(split, others)))
        assert set(pixels[:, 1, 0, 0]) == set(np.floor((people - 20) * 6.4 + 128.5))


def test_spoken_spectrum_has_its_band_its_moment_and_no_loudness():
    low, high = tone(500, 1024), tone(3000, 1024)
    levels = spoken_digits.decibels(np.concatenate([low, high]))
    top_mel = 2595 * np.log10(1 + 4000 / 700)
    expected = [round(2595 * np.log10(1 + hertz / 700) / top_mel * 33) - 1 for hertz in (500, 3000)]
    assert levels[0].argmax() == expected[0] and levels[-1].argmax() == expected[1]
    assert abs(levels.mean()) < 1e-9
    assert np.allclose(levels, spoken_digits.decibels(np.concatenate([low, high]) * 2))
    silence = np.zeros(640, dtype=np.int64)
    assert np.array_equal(spoken_digits.decibels(np.concatenate([silence, low, high, silence])), levels)
    assert spoken_digits.decibels(tone(500, 100)).shape == (32, 32)


@pytest.mark.parametrize(
    ("split", "indices"), [("test", range(5)), ("validation", range(5, 10)), ("train", range(10, 12))]
)
def test_spoken_digits_split_by_index(tmp_path, split, indices):
    folder = written(tmp_path, "spoken-digits")
    for path in [path for index in indices for path in folder.glob(f"*_{index}.wav")]:
        path.unlink()
    with pytest.raises(LimenError, match=rf"^spoken-digits: .*recordings: split {split} is empty; expected the whole"):
        datasets.load_split("spoken-digits", "train", folder)


def test_digits_need_no_folder():
    assert datasets.available("digits") and datasets.dataset("digits").levels == 16
    pixels, labels = datasets.load_split("digits", "validation")
    assert pixels.shape == (225, 8, 8, 1) and pixels.dtype == labels.dtype == np.int64
    assert len(datasets.content_hash("digits")) == 64


def test_unknown_name_and_split_are_refused():
    with pytest.raises(LimenError, match=r"^dataset: 'imagenet' is not allowed: one of digits, mnist, "):
        datasets.load_split("imagenet", "train")
    with pytest.raises(LimenError, match=r"^dataset: 'imagenet' is not allowed"):
        datasets.available("imagenet")
    with pytest.raises(LimenError, match=r"^mnist: split: 'all' is not allowed: one of test, train, validation$"):
        datasets.load_split("mnist", "all")


def test_absent_files_are_named_with_where_was_looked_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("LIMEN_DATA", raising=False)
    with pytest.raises(
        LimenError, match=r"^svhn: no folder .* train_32x32.mat, test_32x32.mat; .* --data DIR or LIMEN"
    ):
        datasets.load_split("svhn", "train")
    with pytest.raises(LimenError) as caught:
        datasets.load_split("spoken-digits", "train", tmp_path)
    looked = f"looked in {tmp_path}/spoken-digits, "
    assert all(part in str(caught.value) for part in ("expected {digit}_{speaker}_{index}.wav", looked, "LIMEN_DATA"))
    (written(tmp_path, "uci-har") / "test" / "y_test.txt").unlink()
    with pytest.raises(LimenError, match=r"^uci-har: .*UCI HAR Dataset: test/y_test.txt: missing; .* and 15 more$"):
        datasets.load_split("uci-har", "train", tmp_path)


def test_pickled_cifar_is_refused(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(LimenError, match=r"^cifar-10: .*batches-py: the Python version is pickled and so refused; get"):
        datasets.load_split("cifar-10", "train", tmp_path)


@needs_scipy
def test_a_reader_that_crashes_is_one_line(tmp_path, monkeypatch):
    """scipy's does on some damaged files, and takes its process along: not ours."""
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -SEGV $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(LimenError, match=r"^a.mat: not a readable .mat file: (Segm.* fault|.* 139)$"):
        read_mat(Path("a.mat"), "X")


def test_missing_scipy_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(
        LimenError, match=r"^a.mat: reading .mat files needs scipy: pip install '.\[data\]' in Limen's folder$"
    ):
        read_mat(Path("a.mat"), "X")


@pytest.mark.parametrize(
    ("name", "sizes", "least"),
    [
        ("mnist", (55_000, 5_000, 10_000), 0.08),
        ("fashion-mnist", (55_000, 5_000, 10_000), 0.09),
        ("spoken-digits", (2_400, 300, 300), 0.1),
    ],
)
def test_real_sets_have_their_sizes_ranges_and_balance(shared, name, sizes, least):
    folder, samples = shared("data"), []
    for split, count in zip(datasets.SPLITS, sizes, strict=True):
        pixels, labels = datasets.load_split(name, split, folder)
        assert pixels.shape == (count, *datasets.dataset(name).shape)
        assert pixels.min() == 0 and pixels.max() == 255
        assert np.bincount(labels, minlength=10).min() >= least * count
        assert len(set(labels[:64])) == 10  # any few samples calibrate: no split is ordered by class
        samples.append({image.tobytes() for image in pixels})
    assert not samples[0] & samples[1] and not samples[0] & samples[2] and not samples[1] & samples[2]


def test_spoken_digits_are_the_same_bytes_on_every_machine(shared):
    folder, edges = shared("data/free-spoken-digits"), []
    for path in sorted((folder / "recordings").glob("*_theo_*.wav")):
        levels = spoken_digits.decibels(spoken_digits.read_samples(path)) * 4 + 128.5
        edges.append(np.abs(levels - np.round(levels))[(levels > 0) & (levels < 256)].min())
    assert min(edges) > 1e-8
    known = "40a29f0f66a6bcce90f603cecdaab404e0619779edcbc48e6f86c8a70bf0afa9"
    assert datasets.content_hash("spoken-digits", folder.parent) == known
