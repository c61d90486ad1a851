"""Vectors of the machine in Numba: values of BYTES that a kernel holds in registers, and what it does with them.

Numba's own loops are made vectors of by the compiler, which holds sums in memory from one synapse to the next: that
takes twice to four times as long. The compiler cuts these into whatever registers a processor has. Without the JIT the
same names are plain functions of numpy arrays.

Numbers are floating point; those of `nothing`, `load`, `spread`, `store`, `plus`, `minus`, `fused`, `larger`,
`where_larger` and `total` may be signed integers, too, which wrap; those of `changed` are. `at` is a place in an array
that is contiguous, counted in numbers from its first one. A product and a sum are fused where the processor does so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, extending, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import models, register_model

MANY = "+avx512f" in cpu_target.target_context.codegen().magic_tuple()[2]
"""Whether Numba compiles for 32 registers of 64 bytes. Others have 16 of 32 bytes, or what comes near: a kernel that
holds more takes twice as long there, for sums go to memory and back."""

BYTES = 64 if MANY else 32

intrinsic: Any = extending.intrinsic
_settings: Any = config

_FUSED = ("contract",)
_INDEX = ir.IntType(32)
_Code = tuple[Any, Callable[..., Any]]


class VectorType(types.Type):
    """Of as many numbers of a type as BYTES hold."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vector({dtype})")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, form: VectorType) -> None:
        super().__init__(manager, form, ir.VectorType(manager.lookup(form.dtype).get_value_type(), form.lanes))


def _place(context: Any, builder: Any, array: Any, value: Any, at: Any) -> Any:
    data = cgutils.create_struct_proxy(array)(context, builder, value=value).data
    return builder.gep(data, [at], inbounds=True)


def _at(context: Any, builder: Any, array: Any, value: Any, at: Any) -> Any:
    vector = context.get_value_type(VectorType(array.dtype)).as_pointer()
    return builder.bitcast(_place(context, builder, array, value, at), vector)


def _of_vectors(build: Callable[[Any, Sequence[Any]], Any], result: Any, *arguments: Any) -> _Code:
    """Return the code of an operation whose result has a type: build makes it of its arguments' values."""
    return result(*arguments), lambda context, builder, signature, values: build(builder, values)


@intrinsic
def lanes(typing: Any, array: Any) -> _Code:
    """Return how many numbers of an array a vector holds."""
    count = VectorType(array.dtype).lanes
    return types.intp(array), lambda context, builder, signature, values: context.get_constant(types.intp, count)


@intrinsic
def nothing(typing: Any, array: Any) -> _Code:
    """Return a vector of zeros, of the array's type."""
    vector = VectorType(array.dtype)
    return vector(array), lambda context, builder, signature, values: ir.Constant(context.get_value_type(vector), None)


@intrinsic
def load(typing: Any, array: Any, at: Any) -> _Code:
    """Return the numbers from `at` on."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_at(context, builder, signature.args[0], *values), align=array.dtype.bitwidth // 8)

    return VectorType(array.dtype)(array, types.intp), generate


@intrinsic
def spread(typing: Any, array: Any, at: Any) -> _Code:
    """Return a vector that holds the number at `at` everywhere."""
    vector = VectorType(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = builder.load(_place(context, builder, signature.args[0], *values))
        unset = ir.Constant(context.get_value_type(vector), ir.Undefined)
        first = builder.insert_element(unset, number, ir.Constant(_INDEX, 0))
        return builder.shuffle_vector(first, unset, ir.Constant(ir.VectorType(_INDEX, vector.lanes), None))

    return vector(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, at: Any, vector: Any) -> _Code:
    """Write a vector to `at`."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _at(context, builder, signature.args[0], *values[:2])
        builder.store(values[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _ones(builder: Any, value: Any) -> Any:
    form = value.type
    name = f"i{form.width}" if isinstance(form, ir.IntType) else f"v{form.count}i{form.element.width}"
    kind = ir.FunctionType(form, [form])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.{name}"), [value])


@intrinsic
def ones(typing: Any, x: Any) -> _Code:
    """Return the number of ones of an integer, of all its bits."""
    return _of_vectors(lambda builder, values: _ones(builder, *values), x, x)


@intrinsic
def changed(typing: Any, x: Any, y: Any, mask: Any) -> _Code:
    """Return in how many of the bits of a mask, one for all numbers, each of x differs from that of y."""

    def build(builder: Any, values: Any) -> Any:
        unset = ir.Constant(values[0].type, ir.Undefined)
        first = builder.insert_element(unset, values[2], ir.Constant(_INDEX, 0))
        masks = builder.shuffle_vector(first, unset, ir.Constant(ir.VectorType(_INDEX, x.lanes), None))
        return _ones(builder, builder.and_(builder.xor(*values[:2]), masks))

    return _of_vectors(build, x, x, y, mask)


def _whole(value: Any) -> bool:
    return isinstance(value.type.element, ir.IntType)


def _above(builder: Any, x: Any, y: Any) -> Any:
    return builder.icmp_signed(">", x, y) if _whole(x) else builder.fcmp_ordered(">", x, y)


@intrinsic
def plus(typing: Any, x: Any, y: Any) -> _Code:
    def build(builder: Any, values: Any) -> Any:
        return builder.add(*values) if _whole(values[0]) else builder.fadd(*values)

    return _of_vectors(build, x, x, y)


@intrinsic
def minus(typing: Any, x: Any, y: Any) -> _Code:
    def build(builder: Any, values: Any) -> Any:
        return builder.sub(*values) if _whole(values[0]) else builder.fsub(*values)

    return _of_vectors(build, x, x, y)


@intrinsic
def times(typing: Any, x: Any, y: Any) -> _Code:
    return _of_vectors(lambda builder, values: builder.fmul(*values), x, x, y)


@intrinsic
def fused(typing: Any, x: Any, y: Any, total: Any) -> _Code:
    """Return total + x·y."""

    def build(builder: Any, values: Any) -> Any:
        if _whole(values[0]):
            return builder.add(values[2], builder.mul(*values[:2]))
        return builder.fadd(values[2], builder.fmul(*values[:2], flags=_FUSED), flags=_FUSED)

    return _of_vectors(build, total, x, y, total)


@intrinsic
def larger(typing: Any, x: Any, y: Any) -> _Code:
    """Return x where it is larger than y, y elsewhere."""
    return _of_vectors(lambda builder, values: builder.select(_above(builder, *values), *values), x, x, y)


@intrinsic
def where_larger(typing: Any, x: Any, w: Any, taken: Any, otherwise: Any) -> _Code:
    """Return `taken` where x is larger than w."""

    def build(builder: Any, values: Any) -> Any:
        return builder.select(_above(builder, *values[:2]), *values[2:])

    return _of_vectors(build, taken, x, w, taken, otherwise)


@intrinsic
def total(typing: Any, vector: Any) -> _Code:
    """Return the sum of a vector's numbers."""

    def build(builder: Any, values: Any) -> Any:
        (sums,), count = values, vector.lanes
        while count > 1:
            count //= 2
            unset, halves = ir.Constant(sums.type, ir.Undefined), (range(count), range(count, 2 * count))
            places = [ir.Constant(ir.VectorType(_INDEX, count), list(half)) for half in halves]
            parts = [builder.shuffle_vector(sums, unset, place) for place in places]
            sums = builder.add(*parts) if _whole(sums) else builder.fadd(*parts)
        return builder.extract_element(sums, ir.Constant(_INDEX, 0))

    return _of_vectors(build, vector.dtype, vector)


def _stored(array: np.ndarray, at: int, vector: np.ndarray) -> None:
    array.reshape(-1)[at : at + len(vector)] = vector


def _counted(numbers: np.ndarray) -> np.ndarray:
    return np.bitwise_count(numbers.view(f"u{numbers.itemsize}")).astype(numbers.dtype)


if _settings.DISABLE_JIT:
    lanes = lambda array: BYTES // array.itemsize  # noqa: E731
    nothing = lambda array: np.zeros(BYTES // array.itemsize, array.dtype)  # noqa: E731
    load = lambda array, at: array.reshape(-1)[at : at + BYTES // array.itemsize].copy()  # noqa: E731
    spread = lambda array, at: np.full(BYTES // array.itemsize, array.reshape(-1)[at])  # noqa: E731
    store, plus, minus, times, total = _stored, np.add, np.subtract, np.multiply, np.sum
    fused = lambda x, y, total: total + x * y  # noqa: E731
    larger = np.maximum
    ones = lambda x: int(_counted(np.array(x)))  # noqa: E731
    changed = lambda x, y, mask: _counted((x ^ y) & mask)  # noqa: E731
    where_larger = lambda x, w, taken, otherwise: np.where(x > w, taken, otherwise)  # noqa: E731
