"""Several images at once: a network whose input is that many images, one above the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workloads.errors import LimenError
from workloads.layers.input_size import InputEntry
from workloads.layers.layer import Layer, LayerParameters

if TYPE_CHECKING:
    from workloads.layers.graph import TensorShape
    from workloads.networks.network import Network


def stack(network: Network, images: int) -> Network:
    """Return a network that gives of `images` inputs, one above the other, their outputs, one above the other.

    Layers are the same with more rows; a linear layer is a convolution whose windows are the images. Bits of an image
    are those that it has alone.

    Raises:
        LimenError: more rows than a layer can have; the line names it.
    """
    if images == 1:
        return network
    layers = []
    for index, layer in enumerate(network.layers):
        try:
            form = _form_of(layer, network.tensors[network.reads(index)], images)
            if layer.own_input is not None:
                height, width, channels = layer.own_input.shape
                form["own_input"] = InputEntry(height=images * height, width=width, channels=channels)
            layers.append(Layer(**{**layer.model_dump(), **form}))
        except LimenError as error:
            raise LimenError(f"network {network.name}: layer {layer.name}: {error}") from None
    parameters = None
    if network.parameters is not None:
        pairs = zip(layers, network.parameters, strict=True)
        parameters = tuple(_parameters_of(layer, of_layer) for layer, of_layer in pairs)
    return replace(network, layers=tuple(layers), parameters=parameters)


def _form_of(layer: Layer, shape: TensorShape, images: int) -> dict[str, Any]:
    """Return the fields of a layer that more images change."""
    if layer.kind == "linear":
        window = shape.height, shape.width
        channels = layer.channels // (shape.height * shape.width)
        return {
            "kind": "conv2d",
            "height": images * shape.height,
            "width": shape.width,
            "channels": channels,
            "kernel": window,
            "stride": window,
        }
    if layer.kind == "matmul":
        raise LimenError(
            f"images_at_once: {images} is not allowed: its synapses are another tensor of one image; at most 1"
        )
    inside = layer.padding[:2] == (0, 0) and layer.kernel[0] <= layer.stride[0]
    if inside and layer.stride[0] * layer.out_height == layer.height:
        return {"height": images * layer.height}  # windows go on from image to image
    return {"height": images * layer.height, "images": images}


def _parameters_of(layer: Layer, parameters: LayerParameters) -> LayerParameters:
    """Return a layer's integers in its new shape: the fan-in of a linear layer in the order of its window."""
    if not layer.has_parameters:
        return parameters
    shape, polarity = layer.weights_shape, parameters.polarity
    return replace(
        parameters,
        weights=parameters.weights.reshape(shape),
        polarity=None if polarity is None else polarity.reshape(shape),
    )
