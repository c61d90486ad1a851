"""Parts of the machine as kernels hand them on: a pointer to what a NamedTuple holds.

Numba hands a tuple on by value: a machine is 577 of them, and each attribute that is looked at makes the compiler
take all apart. By reference it is one (docs/speed.md tells what that gave).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model

_settings: Any = config


class Reference(types.Type):
    """Numba's type of a pointer to the members of a class derived from NamedTuple, which never change.

    kind: the class. members: its fields' types, those of parts as references. values: the tuple that Python hands in.
    """

    def __init__(self, kind: Any, members: Sequence[types.Type]) -> None:
        self.kind = kind
        self.members: dict[str, types.Type] = dict(zip(kind._fields, members, strict=True))
        self.values = types.BaseTuple.from_types([_by_value(member) for member in members], kind)
        super().__init__(name=f"Reference({kind.__name__})")


def _by_value(member: types.Type) -> types.Type:
    return member.values if isinstance(member, Reference) else member


@register_model(Reference)
class _Pointer(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Reference) -> None:
        members = [manager.lookup(member).get_value_type() for member in kind.members.values()]
        super().__init__(manager, kind, ir.LiteralStructType(members).as_pointer())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = Reference

    def generic_resolve(self, kind, name):
        return kind.members.get(name)


@lower_getattr_generic(Reference)
def _member(context: Any, builder: Any, kind: Reference, pointer: Any, name: str) -> Any:
    index = list(kind.members).index(name)
    value = builder.load(cgutils.gep_inbounds(builder, pointer, 0, index))
    return impl_ret_borrowed(context, builder, kind.members[name], value)


def by_reference(kind: Reference) -> Any:
    """Return the kernel that makes a reference of a tuple: it holds until the calling kernel returns.

    Where kernels run uncompiled it is the tuple.
    """

    def stored(context: Any, builder: Any, target: Reference, values: Any) -> Any:
        place = cgutils.alloca_once(builder, context.get_value_type(target).pointee)
        for index, member in enumerate(target.members.values()):
            value = builder.extract_value(values, index)
            if isinstance(member, Reference):
                value = stored(context, builder, member, value)
            builder.store(value, cgutils.gep_inbounds(builder, place, 0, index))
        return place

    @intrinsic
    def store(typing_context: Any, values: types.Type) -> Any:
        return kind(kind.values), lambda context, builder, _, arguments: stored(context, builder, kind, arguments[0])

    # Not an overload that is inlined: Numba then takes stores into a record's rows for dead, and leaves them out.
    return (lambda values: values) if _settings.DISABLE_JIT else store
