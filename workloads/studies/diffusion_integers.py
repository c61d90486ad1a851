"""A denoising network in the machine's integers: 8 bits everywhere, the noisy image included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.networks.family import member_parameters
from workloads.networks.network import Network
from workloads.studies.diffusion import DRAWS, DiffusionOp, Predictor, draw_noisy, network_inputs, real_digits
from workloads.training.float_master import FloatLayer
from workloads.training.optimiser import mean_square
from workloads.training.quantise import CALIBRATION_IMAGES, calibrate, quantise_member

BITS = 8

LEVELS = 256
"""Of a noisy image's pixels, as of any 8-bit data set."""

REACH = 4
"""A noisy image's pixels stand for −4 … 4, a power of two: beyond lies 1 of 16,000 values of noise."""


def integer_pixels(x: np.ndarray) -> np.ndarray:
    """Return real inputs as integers 0 … 255, 128 standing for 0; those beyond ± REACH end there."""
    return np.clip(np.rint(x * (LEVELS // 2 / REACH)) + LEVELS // 2, 0, LEVELS - 1).astype(np.int64)


def within_reach(master: Sequence[FloatLayer]) -> list[FloatLayer]:
    """Return the same network for inputs divided by REACH, exactly: only its first layer changes.

    Σ p·max(x/4 − w/4, 0) is a quarter of Σ p·max(x − w, 0), and 2^-output_shift takes the quarter back; weights of op
    mac are multiplied instead.
    """
    first = master[0]
    if first.layer.operation.one_range:
        shift = first.output_shift - (REACH.bit_length() - 1)
        return [replace(first, weights=first.weights / REACH, output_shift=shift), *master[1:]]
    return [replace(first, weights=first.weights * REACH), *master[1:]]


def quantise_denoiser(op: DiffusionOp, master: Sequence[FloatLayer]) -> tuple[Network, int]:
    """Return (the 8-bit network, e): its accumulators are the noise in units of 2^e.

    Grids are chosen on noisy training digits, their loss the error of the noise. Raises LimenError where none fit.
    """
    random = np.random.default_rng([DRAWS, 3])
    noisy, t, noise = draw_noisy(real_digits("train")[:CALIBRATION_IMAGES], random)
    target = noise.T.astype(np.float64)
    scaled = within_reach(master)
    calibration = calibrate(
        scaled, integer_pixels(network_inputs(noisy, t)), LEVELS, lambda outputs: mean_square(outputs, target)[0]
    )
    member = quantise_member(calibration, BITS, BITS)
    parameters = [
        member_parameters(float_layer.layer, float_layer.weights, float_layer.polarity, *integers)
        for float_layer, integers in zip(scaled, member.layers, strict=True)
    ]
    layers = tuple(float_layer.layer for float_layer in scaled)
    network = Network(f"diffusion-{op}", layers, tuple(parameters), None, member.input_map)
    grid, last = member.grids[-1], scaled[-1]
    # A threshold's sum has the unit of its operands, a product the product of both units; one for all channels.
    units = grid.x_exponent - last.output_shift + (0 if last.layer.operation.one_range else grid.w_exponent)
    assert np.all(units == units[0])
    return network, int(units[0])


def integer_predictor(network: Network, exponent: int) -> Predictor:
    """Return an integer network whose accumulators are noise in units of 2^exponent as a predictor."""
    first = network.layers[0]

    def predict(noisy: np.ndarray, t: np.ndarray) -> np.ndarray:
        x = network.input_map.apply(integer_pixels(network_inputs(noisy, t)), first.x_bits, first.x_signed)
        return np.ldexp(network.predict(x).astype(np.float64), exponent)

    return predict
