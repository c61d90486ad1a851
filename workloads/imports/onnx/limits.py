"""What is read of an ONNX file, and how much of it."""

MOST_BYTES = 400 << 20
"""Of a model's file, and of what each of its tensors has in a file beside it."""

MOST_MEMORY = 1 << 30
"""Bytes of the process that reads it: of all its addresses."""

MOST_SECONDS = 120
"""Of processor time that it takes."""

MOST_NODES = 100_000
"""Of a graph, with those of its branches."""

MOST_WRITTEN = 256 << 20
"""Bytes of what its reader hands on: names, sizes and constants."""

MOST_LAYERS = 4096
"""Of a page: it has room for few more."""

MOST_DIMENSIONS = 16
"""Of a tensor."""

MOST_VALUES = 1 << 24
"""Of a model's constants where they are read."""

MOST_RESULTS = 1 << 24
"""Of all layers of a model together, for one input, where it is computed."""

LEAST_OPSET = 7

SMALL = 4096
"""Values of a constant that is read even where only sizes are wanted: a shape, a list of axes, a scale a channel."""

REFUSED = 3
"""Exit code of the process that says on stderr what is wrong with a file."""
