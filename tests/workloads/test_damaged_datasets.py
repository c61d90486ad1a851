"""Data sets whose files are damaged, cut or foreign: one line that names the file."""

import io
import tarfile

import numpy as np
import pytest

from tests.workloads.dataset_files import (
    MATLAB,
    bytes_of,
    needs_scipy,
    pack_cifar,
    tone,
    write_idx,
    write_mat,
    write_table,
    write_wav,
    written,
)
from workloads import datasets
from workloads.datasets import idx
from workloads.errors import LimenError


def cut(path, count):
    path.write_bytes(path.read_bytes()[:-count])


def empty_archive(folder):
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as packed:
        packed.addfile(tarfile.TarInfo("cifar-10-batches-bin/readme.html"), io.BytesIO())
    (folder / "data_batch_1.bin").unlink()


def cut_archive(folder):
    pack_cifar(folder)
    cut(folder / "cifar-10-binary.tar.gz", 20_000)


def har(name, row, column, value):
    def damage(folder):
        table = np.loadtxt(folder / name, ndmin=2)
        table[row, column] = value
        write_table(folder / name, table)

    return damage


IMAGES, LABELS = idx.FILES[:2]


BODY = "train/Inertial Signals/body_acc_y_train.txt"


SPOKEN = "3_jackson_11.wav"


DAMAGES = [
    ("mnist", lambda f: cut(f / IMAGES, 100), rf"{IMAGES}: not a whole gzip file: .*; fetch it again"),
    ("mnist", lambda f: (f / IMAGES).write_bytes(b"<html>"), rf"{IMAGES}: not a whole gzip file: Not a gzipped"),
    (
        "mnist",
        lambda f: write_idx(f / IMAGES, bytes_of(60, 28, 28), magic=(0, 0, 8, 1)),
        rf"{IMAGES}: magic number 00 00 08 01; expected 00 00 08 03: IDX, 3 axes",
    ),
    (
        "mnist",
        lambda f: write_idx(f / IMAGES, bytes_of(60, 28, 28), sizes=(61, 28, 28)),
        rf"{IMAGES}: 47040 values; its header announces 61 × 28 × 28",
    ),
    ("mnist", lambda f: write_idx(f / IMAGES, bytes_of(60, 14, 14)), rf"{IMAGES}: images of 14 × 14 pixels; expected"),
    ("mnist", lambda f: write_idx(f / LABELS, bytes_of(59)), rf"{LABELS}: 59 samples; expected the 60 of {IMAGES}"),
    (
        "mnist",
        lambda f: write_idx(f / LABELS, np.full(60, 10, np.uint8)),
        rf"{LABELS}: labels: 10 of sample 0 is out of range; expected 0…9",
    ),
    (
        "cifar-10",
        lambda f: cut(f / "data_batch_3.bin", 5),
        r"data_batch_3.bin: 30725 bytes; expected a multiple of 3073",
    ),
    (
        "cifar-10",
        lambda f: cut(f / "test_batch.bin", 3073),
        r"test_batch.bin: 9 samples; expected the 10 of data_batch_1.bin",
    ),
    (
        "cifar-10",
        lambda f: (f / "test_batch.bin").write_bytes(bytes([11]) * 30730),
        r"test_batch.bin: labels: 11 of sample 0 is out of range; expected 0…9",
    ),
    ("cifar-10", cut_archive, r"cifar-10-binary.tar.gz: not a whole .tar.gz file: .*; fetch it again"),
    ("cifar-10", empty_archive, r"cifar-10-binary.tar.gz: data_batch_1.bin: missing; expected data_batch_1.bin, "),
    ("svhn", lambda f: write_mat(f / "test_32x32.mat", X=bytes_of(32, 32, 3, 2)), r"y: missing; the file has X"),
    ("svhn", lambda f: cut(f / "test_32x32.mat", 100), r"test_32x32.mat: not a readable .mat file"),
    (
        "svhn",
        lambda f: write_mat(f / "test_32x32.mat", X=bytes_of(32, 32, 3, 2), y=np.array([[1], [0]])),
        r"test_32x32.mat: labels: 0 of sample 1 is out of range; expected 1…10",
    ),
    (
        "svhn",
        lambda f: write_mat(f / "test_32x32.mat", X=bytes_of(32, 32, 3, 2), y=np.array([[1]])),
        r"test_32x32.mat: y: 1 labels; expected the 2 of X",
    ),
    (
        "svhn",
        lambda f: write_mat(f / "test_32x32.mat", X=bytes_of(3, 32, 32, 2), y=np.array([[1], [1]])),
        r"test_32x32.mat: X: uint8 \(3, 32, 32, 2\); expected uint8 \(32, 32, 3, images\)",
    ),
    ("svhn", lambda f: write_mat(f / "test_32x32.mat", X="a", y=np.array([[1]])), r"X: holds <U1; expected numbers"),
    ("uci-har", har(BODY, 4, 9, np.nan), r"body_acc_y_train.txt: row 4: nan is not a signal; expected finite numbers"),
    (
        "uci-har",
        lambda f: write_table(f / BODY, np.zeros((23, 128))),
        r"_y_train.txt: 23 samples; expected the 24 of bo",
    ),
    ("uci-har", lambda f: write_table(f / BODY, np.zeros((24, 127))), r"_y_train.txt: 127 numbers a row; expected 128"),
    ("uci-har", lambda f: cut(f / BODY, 40), r"body_acc_y_train.txt: not a table of 128 numbers a row: "),
    (
        "uci-har",
        lambda f: (f / "train/y_train.txt").write_text("1\n2\n"),
        r"y_train.txt: 2 samples; expected the 24 of",
    ),
    (
        "uci-har",
        lambda f: (f / "train/subject_train.txt").write_text("1\n" * 23),
        r"subject_train.txt: 23 samples; expected the 24 of body_acc_x_train.txt",
    ),
    ("uci-har", lambda f: (f / "test/y_test.txt").write_text("7\n" * 12), r"labels: 7 of sample 0 is out of range"),
    (
        "unimib-shar",
        lambda f: write_mat(f / "acc_data.mat", acc_data=np.full((90, 453), np.nan)),
        r"acc_data.mat: row 0: nan is not a signal",
    ),
    (
        "unimib-shar",
        lambda f: write_mat(f / "acc_data.mat", acc_data=np.zeros((90, 151))),
        r"shape \(90, 151\); expected",
    ),
    (
        "unimib-shar",
        lambda f: write_mat(f / "acc_labels.mat", acc_labels=np.ones((90, 2))),
        r"acc_labels: shape \(90, 2\); expected \(windows, 3\)",
    ),
    (
        "unimib-shar",
        lambda f: write_mat(f / "acc_labels.mat", acc_labels=np.ones((89, 3))),
        r"acc_labels.mat: 89 samples; expected the 90 of acc_data.mat",
    ),
    ("spoken-digits", lambda f: cut(f / SPOKEN, 100), rf"{SPOKEN}: 2250 samples; its header announces 2300"),
    (
        "spoken-digits",
        lambda f: (f / SPOKEN).write_bytes(b""),
        rf"{SPOKEN}: not a readable WAV file: it ends too early",
    ),
    ("spoken-digits", lambda f: (f / SPOKEN).write_bytes(b"ID3" * 9), rf"{SPOKEN}: not a readable WAV file: "),
    (
        "spoken-digits",
        lambda f: write_wav(f / SPOKEN, tone(300), rate=16000),
        rf"{SPOKEN}: 1 channels, 16 bits, 16000 Hz; expected 1 channel, 16 bits, 8000 Hz",
    ),
    ("spoken-digits", lambda f: write_wav(f / SPOKEN, tone(300), width=1), rf"{SPOKEN}: 1 channels, 8 bits, 8000 Hz"),
    ("spoken-digits", lambda f: write_wav(f / SPOKEN, tone(300), channels=2), rf"{SPOKEN}: 2 channels, 16 bits"),
    ("spoken-digits", lambda f: write_wav(f / SPOKEN, [0] * 900), rf"{SPOKEN}: 900 samples of silence; expected a"),
    ("spoken-digits", lambda f: write_wav(f / "x_a_1.wav", tone(300)), r"x_a_1.wav: not a recording's name; expected "),
]


@pytest.mark.parametrize(
    ("name", "damage", "line"),
    [
        pytest.param(*case, id=f"{case[0]}-{number}", marks=needs_scipy if case[0] in MATLAB else ())
        for number, case in enumerate(DAMAGES)
    ],
)
def test_damage_is_said_in_one_line_that_names_the_file(tmp_path, name, damage, line):
    folder = written(tmp_path, name)
    damage(folder)
    with pytest.raises(LimenError, match=line) as caught:
        datasets.load_split(name, "train", tmp_path)
    assert str(caught.value).startswith(str(folder))
