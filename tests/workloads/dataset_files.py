"""Small files of data sets in exactly the form in which each is distributed."""

import gzip
import re
import tarfile
import wave

import numpy as np

from tests.support.tools import skip_without
from workloads.datasets import uci_har

needs_scipy = skip_without("scipy", "data")
MATLAB = ("svhn", "unimib-shar")
"""Sets that scipy reads."""


def bytes_of(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_idx(path, array, magic=None, sizes=None):
    header = bytes(magic or (0, 0, 8, array.ndim)) + np.array(sizes or array.shape, dtype=">u4").tobytes()
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder, suffix=".gz"):
    for part, images in {"train": 60, "t10k": 20}.items():
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", bytes_of(images, 28, 28, seed=images))
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", np.arange(images).astype(np.uint8) % 10)


def write_cifar(folder):
    for seed, name in enumerate((*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")):
        records = bytes_of(10, 3073, seed=seed)
        records[:, 0] = np.arange(10)
        (folder / name).write_bytes(records.tobytes())


def pack_cifar(folder):
    """Write the archive as distributed beside the files, and take those away."""
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as packed:
        for path in sorted(folder.glob("*.bin")):
            packed.add(path, f"cifar-10-batches-bin/{path.name}")
            path.unlink()


def write_mat(path, **arrays):
    from scipy.io import savemat

    savemat(path, arrays, do_compression=True)


def write_svhn(folder):
    for part, images in {"train": 40, "test": 20}.items():
        labels = (np.arange(images) % 10 + 1).astype(np.uint8)[:, None]
        write_mat(folder / f"{part}_32x32.mat", X=bytes_of(32, 32, 3, images, seed=images), y=labels)


def write_table(path, table):
    """Write signals as UCI-HAR has them: 16 columns wide, exponents of three digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ("".join(f"{value:16.7e}" for value in row) for row in table)
    path.write_text("".join(re.sub(r"(e[+-])", r"\g<1>0", row) + "\n" for row in rows))


def write_har(folder):
    subjects = {"train": np.repeat([1, 3, 27, 30], 6), "test": np.repeat([2, 24], 6)}
    for part, people in subjects.items():
        random = np.random.default_rng(len(people))
        for name in uci_har.signal_files(part):
            write_table(folder / name, random.normal(0, 0.5, (len(people), 128)))
        np.savetxt(folder / part / f"subject_{part}.txt", people, fmt="%d")
        np.savetxt(folder / part / f"y_{part}.txt", np.arange(len(people)) % 6 + 1, fmt="%d")


def write_unimib(folder):
    table = np.array([(windows % 17 + 1, windows % 30 + 1, 1) for windows in range(90)], dtype=np.uint8)
    write_mat(folder / "acc_data.mat", acc_data=np.random.default_rng(0).normal(0, 9, (90, 453)))
    write_mat(folder / "acc_labels.mat", acc_labels=table)


def write_wav(path, samples, rate=8000, width=2, channels=1):
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(width)
        recording.setframerate(rate)
        recording.writeframes(np.asarray(samples, dtype="<i2").tobytes())


def tone(hertz, length=2000, amplitude=8000):
    return np.round(amplitude * np.sin(2 * np.pi * hertz * np.arange(length) / 8000)).astype(np.int64)


def write_spoken(folder):
    for digit in range(10):
        for index in range(12):
            noise = np.random.default_rng(12 * digit + index).integers(-2000, 2000, 1200 + 100 * index)
            write_wav(folder / f"{digit}_jackson_{index}.wav", tone(300 + 200 * digit, len(noise)) + noise)


WRITERS = {
    "mnist": (write_mnist, "mnist"),
    "fashion-mnist": (write_mnist, "fashion-mnist"),
    "cifar-10": (write_cifar, "cifar-10-batches-bin"),
    "svhn": (write_svhn, "svhn"),
    "uci-har": (write_har, "UCI HAR Dataset"),
    "unimib-shar": (write_unimib, "UniMiB-SHAR/data"),
    "spoken-digits": (write_spoken, "free-spoken-digits/recordings"),
}
"""How each set is written, and the folder it unpacks to."""


def written(tmp_path, name):
    """Return the folder a fixture of the set was written to, below `tmp_path` as it'd be unpacked there."""
    write, below = WRITERS[name]
    folder = tmp_path / below
    folder.mkdir(parents=True)
    write(folder)
    return folder
