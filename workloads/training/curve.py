"""The picture of a training curve."""

from __future__ import annotations

from collections.abc import Sequence

from workloads.training.loop import EpochRow


def curve_picture(curve: Sequence[EpochRow], title: str) -> bytes:
    """Return a PNG of loss and accuracies against epochs."""
    from workloads.host.pictures import Figure, picture_bytes
    from workloads.host.ticks import logarithmic

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [row.epoch for row in curve]
    loss.plot(epochs, [row.loss for row in curve], label="training, as augmented")
    accuracy.plot(epochs, [100 * row.train_accuracy for row in curve], label="training, as augmented")
    accuracy.plot(epochs, [100 * row.validation_accuracy for row in curve], label="validation")
    logarithmic(loss.yaxis)
    loss.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)")
    loss.legend()
    accuracy.legend(loc="lower right")
    figure.suptitle(title)
    return picture_bytes(figure, dots_per_inch=100)
