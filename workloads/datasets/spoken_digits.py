"""The Free Spoken Digit Dataset: recordings of 0…9 at 8 kHz, as spectrograms of 32 moments and 32 mel bands.

A recording becomes bytes so:
1. Trim: blocks of 64 samples at either end go that have less than 1/300 (−25 dB) of the loudest block's energy.
2. 32 frames of 256 samples, spread evenly from the first sample to the last: time is normalised, each recording has the
   hop that its length asks. One shorter than a frame is padded with zeros.
3. A Hann window, the power spectrum, 32 triangular bands spaced evenly in mel = 2595 log10(1 + f / 700) up to 4 kHz.
4. Decibels, not below −70 dB of the loudest band; their mean over the recording is taken off: loudness doesn't matter.
5. sat(128 + 4 · dB), rounded half up: 0…255 stand for ±32 dB about the mean.

Trim and frames are integers; the rest is float64 until the one rounding. None of the 3.1 million values of the
distributed recordings lies within 10⁻⁷ of an edge of that rounding, far more than machines differ by.
Source: https://github.com/Jakobovski/free-spoken-digit-dataset.
"""

from __future__ import annotations

import re
import wave
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workloads.datasets.splits import Splits, shuffled
from workloads.errors import LimenError
from workloads.host.opening import open_file

FILES = ("{digit}_{speaker}_{index}.wav",)
NAME = re.compile(r"([0-9])_([A-Za-z]+)_([0-9]{1,9})\.wav", re.ASCII)

RATE_HZ = 8000
BLOCK = 64
TRIM = 300
WINDOW = 256
FRAMES = 32
BANDS = 32
FLOOR = 1e-7
STEPS_PER_DB = 4
MID = 128

TEST_INDICES = range(0, 5)
"""Indices of each digit and speaker that are the set's customary test split."""

VALIDATION_INDICES = range(5, 10)


def missing(folder: Path) -> list[str]:
    """Return the pattern of the recordings' names where the folder has none."""
    return [] if any(NAME.fullmatch(path.name) for path in folder.glob("*.wav")) else list(FILES)


class Recordings(NamedTuple):
    """Every recording of a folder, by digit, speaker and index.

    pixels: [recordings, 32, 1, 32] uint8; labels: their digits, int64; speakers: names; indices: of digit and speaker.
    """

    pixels: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    indices: np.ndarray


def read_recordings(folder: Path) -> Recordings:
    """Return all recordings. Raises LimenError naming the damaged file."""
    found = sorted((*_parse_name(path), path) for path in folder.glob("*.wav"))
    labels = np.array([digit for digit, _, _, _ in found], dtype=np.int64)
    pixels = np.stack([_describe(path) for _, _, _, path in found])[:, :, None, :]
    return Recordings(
        pixels, labels, np.array([speaker for _, speaker, _, _ in found]), np.array([index for _, _, index, _ in found])
    )


def split(recordings: Recordings, held_out: str | None = None) -> Splits:
    """Return the splits, shuffled: the customary ones, or those of a speaker left out.

    held_out: all of this speaker's recordings are the test split; what the customary test split has of the others joins
    their training.
    """
    validation = np.isin(recordings.indices, VALIDATION_INDICES)
    test = np.isin(recordings.indices, TEST_INDICES)
    if held_out is not None:
        test = recordings.speakers == held_out
        validation &= ~test
    rows = {"test": test, "validation": validation, "train": ~(test | validation)}
    return {name: shuffled(recordings.pixels[chosen], recordings.labels[chosen]) for name, chosen in rows.items()}


def read(folder: Path) -> Splits:
    """Return the splits, uint8 [recordings, 32, 1, 32], shuffled. Raises LimenError naming the damaged file."""
    return split(read_recordings(folder))


def read_samples(path: Path) -> np.ndarray:
    """Return the int16 samples of a recording. Raises LimenError: not a whole WAV file of 8 kHz, mono, 16 bits."""
    try:
        with open_file(path) as file, wave.open(file, "rb") as recording:
            form = recording.getnchannels(), 8 * recording.getsampwidth(), recording.getframerate()
            announced = recording.getnframes()
            content = recording.readframes(announced)
    except (OSError, EOFError, RuntimeError, wave.Error) as error:  # RuntimeError: a chunk longer than its file
        raise LimenError(f"{path}: not a readable WAV file: {str(error) or 'it ends too early'}") from None
    if form != (1, 16, RATE_HZ):
        stored_form = "{} channels, {} bits, {} Hz".format(*form)
        raise LimenError(f"{path}: {stored_form}; expected 1 channel, 16 bits, {RATE_HZ} Hz")
    if len(content) != 2 * announced:
        raise LimenError(f"{path}: {len(content) // 2} samples; its header announces {announced}")
    return np.frombuffer(content, dtype="<i2")


def decibels(samples: np.ndarray) -> np.ndarray:
    """Return mel-band powers [frames, bands] in dB about their mean, float64, of int16 samples not all zero."""
    signal = _trim(samples.astype(np.int64))
    signal = np.pad(signal, (0, max(0, WINDOW - len(signal))))
    starts = np.arange(FRAMES) * (len(signal) - WINDOW) // (FRAMES - 1)
    frames = signal[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW + 1)[:-1]
    powers = np.abs(np.fft.rfft(frames, axis=1)) ** 2 @ _mel_bands()
    levels_db = 10 * np.log10(np.maximum(powers, FLOOR * powers.max()))
    return levels_db - levels_db.mean()


def _parse_name(path: Path) -> tuple[int, str, int]:
    match = NAME.fullmatch(path.name)
    if match is None:
        raise LimenError(f"{path}: not a recording's name; expected {FILES[0]}, digit 0…9")
    return int(match[1]), match[2], int(match[3])


def _describe(path: Path) -> np.ndarray:
    samples = read_samples(path)
    if not samples.any():
        raise LimenError(f"{path}: {len(samples)} samples of silence; expected a spoken digit")
    return np.clip(np.floor(decibels(samples) * STEPS_PER_DB + (MID + 0.5)), 0, 255).astype(np.uint8)


def _trim(signal: np.ndarray) -> np.ndarray:
    starts = np.arange(0, len(signal), BLOCK)
    energies = np.add.reduceat(signal**2, starts)
    loud = np.flatnonzero(energies * TRIM >= energies.max())
    return signal[starts[loud[0]] : starts[loud[-1]] + BLOCK]


@cache
def _mel_bands() -> np.ndarray:
    """Return the weights [129 bins of the spectrum, 32 bands] of the triangular bands."""
    top_mel = 2595 * np.log10(1 + RATE_HZ / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top_mel, BANDS + 2) / 2595) - 1)
    bins_hz = np.arange(WINDOW // 2 + 1)[:, None] * (RATE_HZ / WINDOW)
    low, peak, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    return np.maximum(np.minimum((bins_hz - low) / (peak - low), (high - bins_hz) / (high - peak)), 0)
