"""The diffusion study: trains what is missing, judges it, and writes its tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dse.report.diffusion_plot import Judged, curve_picture, label, noise_deviation, samples_picture, steps_picture
from workloads.errors import LimenError
from workloads.formats.save_network import save_network
from workloads.host.files import check_writable, write_whole
from workloads.host.progress import Progress
from workloads.host.text_tables import SIX_DECIMALS, csv_bytes, csv_text, markdown_table
from workloads.studies import diffusion
from workloads.studies.diffusion import PIXELS, STEPS, DiffusionOp, Predictor, ink, real_digits
from workloads.studies.diffusion_integers import BITS, integer_predictor, quantise_denoiser
from workloads.studies.diffusion_judge import Judge, Verdict, baselines, make_judge
from workloads.training.loop import EpochRow

GROUP = 5
"""Steps that share a line of the table of errors by step."""


class CurveRow(NamedTuple):
    """A line of OP-curve.csv: mean squared errors of the noise."""

    epoch: int
    training_noise_mse: float
    validation_noise_mse: float


class PredictorRow(NamedTuple):
    """A line of diffusion.csv: a predictor of noise, and what the judge says of the images it makes.

    operations: pairs of operands of one denoising step of one image. Errors are means over all steps (predicting 0 has
    1); relative_to_linear: to the best linear predictor of each step, on test digits.
    """

    predictor: str
    op: str
    arithmetic: str
    synapses: int
    operations: int
    steps: int
    epochs: int
    seed: int
    learning_rate: float
    validation_noise_mse: float
    test_noise_mse: float
    relative_to_linear: float
    verdict: Verdict


class BaselineRow(NamedTuple):
    """A line of diffusion-baselines.csv: images made without a network, see `baselines`."""

    source: str
    verdict: Verdict


def run_diffusion(
    ops: Sequence[DiffusionOp],
    epochs: int,
    seed: int,
    samples: int,
    out: Path,
    progress: Progress | None = None,
    rate: float | None = None,
) -> list[Path]:
    """Train the networks that `out` lacks, judge all of these ops and return the paths of what was written.

    rate: highest learning rate of all these ops, instead of each op's own.

    Raises:
        LimenError: numbers below their least, a folder that can't be written, a training that diverges, a checkpoint of
            another training, a family digits that can't be read.
    """
    for name, value, least in (("epochs", epochs, 1), ("samples", samples, 1), ("seed", seed, 0)):
        if value < least:
            raise LimenError(f"{name}: {value} is not allowed: at least {least}")
    if rate is not None and not 0 < rate < 10:
        raise LimenError(f"rate: {rate} is not allowed: above 0 and below 10")
    check_writable(out)
    judge = make_judge()
    linear = diffusion.linear_predictor(real_digits("train"))
    row: dict[str, Any] = {
        "predictor": "linear", "op": "linear", "arithmetic": "float", "synapses": STEPS * PIXELS * PIXELS,
        "operations": PIXELS * PIXELS, "epochs": 0, "seed": seed, "learning_rate": 0.0,
    }  # fmt: skip
    predictors = [judge_predictor(row, linear, samples, judge)]
    paths = []
    for op in ops:
        op_rate = diffusion.LEARNING_RATES[op] if rate is None else rate
        master, curve = trained(op, epochs, seed, op_rate, out, progress)
        network, exponent = quantise_denoiser(op, master)
        row = {
            "op": op, "synapses": sum(layer.out_channels * layer.fan_in for layer in network.layers),
            "operations": sum(layer.pairs for layer in network.layers), "epochs": epochs, "seed": seed,
            "learning_rate": op_rate,
        }  # fmt: skip
        both = (
            (row | {"predictor": op, "arithmetic": "float"}, diffusion.master_predictor(master)),
            (
                row | {"predictor": f"{op}-{BITS}-bits", "arithmetic": f"{BITS} bits"},
                integer_predictor(network, exponent),
            ),
        )
        for done, (described, predict) in enumerate(both, start=1):
            predictors.append(judge_predictor(described, predict, samples, judge))
            if progress is not None:
                progress(f"sampling, {op}", done, len(both))
        paths += [save_network(network, out, both[1][0]["predictor"]), out / f"{op}.npz"]
        contents = {
            f"{op}-curve.csv": csv_bytes(
                [CurveRow(epoch.epoch, epoch.loss, epoch.validation_accuracy) for epoch in curve]
            ),
            f"{op}-curve.png": curve_picture(curve, op, float(predictors[0].validation.mean())),
            **{f"{judged.row['predictor']}-samples.png": samples_picture(judged) for judged in predictors[-2:]},
        }
        paths += _write(out, contents)
    rows = [predictor_row(judged, predictors[0]) for judged in predictors]
    others = [BaselineRow(name, judge.verdict(images)) for name, images in baselines(samples).items()]
    contents = {
        "diffusion.csv": verdicts_csv(rows),
        "diffusion-baselines.csv": verdicts_csv(others),
        "diffusion-steps.csv": steps_csv(predictors),
        "diffusion-steps.png": steps_picture(predictors),
        "diffusion.md": report_markdown(rows, others, predictors).encode(),
    }
    return paths + _write(out, contents)


def _write(out: Path, contents: Mapping[str, bytes]) -> list[Path]:
    for name, content in contents.items():
        write_whole(out / name, content)
    return [out / name for name in contents]


def trained(
    op: DiffusionOp, epochs: int, seed: int, rate: float, out: Path, progress: Progress | None = None
) -> tuple[list[diffusion.FloatLayer], list[EpochRow]]:
    """Return the (master, curve) of `out`/OP.npz, trained first where the file is not there or of another training.

    Stopped, the training goes on from OP.checkpoint.npz, which is removed when it is done. Raises LimenError as
    `train_denoiser` does.
    """
    made = diffusion.identity(op, epochs, seed, rate)
    checkpoint = out / f"{op}.checkpoint.npz"
    result = diffusion.stored_master(out / f"{op}.npz", op, made)
    if result is None:
        result = diffusion.train_denoiser(op, epochs, seed, rate, checkpoint, progress)
        diffusion.store_master(out / f"{op}.npz", *result, made)
    checkpoint.unlink(missing_ok=True)  # here: a kill just after the master's last write leaves it to the next run
    return result


def judge_predictor(row: dict[str, Any], predict: Predictor, samples: int, judge: Judge) -> Judged:
    """Return a predictor's errors on held-out digits, and what the judge says of the images it makes."""
    validation, test = (diffusion.errors_by_step(predict, real_digits(split)) for split in ("validation", "test"))
    images = ink(diffusion.sample_images(predict, samples, row["seed"]))
    return Judged(row, validation, test, images, judge.verdict(images))


def predictor_row(judged: Judged, linear: Judged) -> PredictorRow:
    """Return the line of a predictor; linear: what its error is compared with."""
    test = float(judged.test.mean())
    return PredictorRow(
        **judged.row, steps=STEPS, validation_noise_mse=float(judged.validation.mean()), test_noise_mse=test,
        relative_to_linear=test / float(linear.test.mean()), verdict=judged.verdict,
    )  # fmt: skip


def verdicts_csv(rows: Sequence[PredictorRow] | Sequence[BaselineRow]) -> bytes:
    """Return a line a row, a verdict's fields behind its own, the counts of the classes 0 to 9 as one text."""
    head = [*rows[0]._fields[:-1], *Verdict._fields[:-1], "accepted_by_class"]
    lines = ([*row[:-1], *row.verdict[:-1], _by_class(row.verdict)] for row in rows)
    return csv_text(head, lines, SIX_DECIMALS).encode()


def _by_class(verdict: Verdict) -> str:
    return " ".join(str(count) for count in verdict.classes)


def steps_csv(predictors: Sequence[Judged]) -> bytes:
    """Return a line a step: the noise's deviation, and every predictor's mean squared error on the test digits."""
    head = ["step", "noise_deviation", *(judged.row["predictor"] for judged in predictors)]
    steps = zip(noise_deviation(), *(judged.test for judged in predictors), strict=True)
    return csv_text(
        head, ([step, *map(float, values)] for step, values in enumerate(steps, start=1)), SIX_DECIMALS
    ).encode()


def report_markdown(rows: Sequence[PredictorRow], others: Sequence[BaselineRow], predictors: Sequence[Judged]) -> str:
    """Return the three tables: errors of the noise, verdicts on images, errors by step."""
    deviation = noise_deviation()
    steps = [slice(start, start + GROUP) for start in range(0, STEPS, GROUP)]
    errors = markdown_table(
        ["predictor", "arithmetic", "synapses", "operations", "validation", "test", "to linear"],
        [
            [
                row.op, row.arithmetic, f"{row.synapses:,}", f"{row.operations:,}", f"{row.validation_noise_mse:.4f}",
                f"{row.test_noise_mse:.4f}", f"{row.relative_to_linear:.3f}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    verdicts = markdown_table(
        ["images", "number", "accepted", "near", "both", "copies", "distance", "classes"],
        [
            *(_verdict_cells(row.source, row.verdict) for row in others),
            *(_verdict_cells(f"samples: {row.op}, {row.arithmetic}", row.verdict) for row in rows),
        ],
    )
    by_step = markdown_table(
        ["steps", "noise deviation", *map(label, predictors)],
        [
            [
                f"{group.start + 1}–{group.stop}", f"{deviation[group][0]:.2f}–{deviation[group][-1]:.2f}",
                *(f"{judged.test[group].mean():.3f}" for judged in predictors),
            ]
            for group in steps
        ],
    )  # fmt: skip
    return (
        "Mean squared error of the noise in held-out digits, all steps alike; predicting 0 has 1. "
        f"Operations: pairs of operands of one denoising step.\n\n{errors}\n"
        "Images: share accepted by the digits classifier, share near a training digit, both, copies (`Verdict` in "
        "workloads/studies/diffusion_judge.py says what each is), median distance to the nearest training digit, "
        f"accepted images of the classes 0 to 9.\n\n{verdicts}\n"
        f"Mean squared error of the noise in test digits by step, {GROUP} steps a line.\n\n{by_step}"
    )


def _verdict_cells(name: str, verdict: Verdict) -> list[str]:
    shares = [f"{100 * share:.1f} %" for share in (verdict.accepted, verdict.near, verdict.both, verdict.copies)]
    return [name, str(verdict.images), *shares, f"{verdict.distance:.3f}", _by_class(verdict)]
