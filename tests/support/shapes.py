"""Hypothesis strategies from msgspec's types, so that a test covers every field the product knows.

Hypothesis knows no ``msgspec.Meta``; here bounds, lengths and patterns are honoured, or, with
``wild``, left out of account: values of the right type that no region of ours would write.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import inspect as kinds

FEW = settings(max_examples=max(10, settings().max_examples // 5))
"""For properties that are asked of each of forty kinds."""
INT64 = 2**63
TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
WILD_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["", "\0", "a\0b", "x" * 20_000, "\U0001f44d" * 3_000, "c:", "t:", "%s", "'"]),
)


def values(shape: Any, *, wild: bool = False) -> st.SearchStrategy[Any]:
    """Values of a type, every optional field now at its default and now not."""
    return _values(kinds.type_info(shape), wild)


def _values(kind: kinds.Type, wild: bool) -> st.SearchStrategy[Any]:
    match kind:
        case kinds.StructType():
            return _structs(kind, wild)
        case kinds.Metadata(type=inner):
            return _values(inner, wild)
        case kinds.UnionType(types=types):
            return st.one_of([_values(one, wild) for one in types])
        case kinds.VarTupleType() | kinds.ListType():
            items = _values(kind.item_type, wild)
            return st.lists(items, min_size=kind.min_length or 0, max_size=4).map(tuple)
        case kinds.DictType():
            return st.dictionaries(
                _values(kind.key_type, wild), _values(kind.value_type, wild), max_size=3
            )
        case kinds.LiteralType(values=literals):
            return st.sampled_from(literals)
        case kinds.StrType():
            return WILD_TEXT if wild else _texts(kind)
        case kinds.IntType():
            return st.integers(-INT64, 2 * INT64 - 1) if wild else _integers(kind)
        case kinds.BoolType():
            return st.booleans()
        case kinds.BytesType():
            return st.binary(max_size=8)
        case kinds.NoneType():
            return st.none()
        case _:
            raise TypeError(f"no strategy for {kind}")


def _structs(kind: kinds.StructType, wild: bool) -> st.SearchStrategy[Any]:
    required = {f.name: _values(f.type, wild) for f in kind.fields if f.required}
    optional = {f.name: _values(f.type, wild) for f in kind.fields if not f.required}
    fields = st.fixed_dictionaries(required, optional=optional)
    return fields.map(partial(_build, kind.cls))


def _build(cls: type[msgspec.Struct], fields: dict[str, Any]) -> msgspec.Struct:
    return cls(**fields)


def _texts(kind: kinds.StrType) -> st.SearchStrategy[str]:
    if kind.pattern is None:
        longest = min(kind.max_length or 12, 12)
        return st.text(TEXT, min_size=kind.min_length or 0, max_size=longest)
    inner = kind.pattern.removeprefix("^").removesuffix(r"$(?!\n)")
    whole = inner != kind.pattern
    found = st.from_regex(re.compile(inner), fullmatch=whole, alphabet=TEXT)
    return found.filter(lambda text: len(text) <= (kind.max_length or 1_000))


def _integers(kind: kinds.IntType) -> st.SearchStrategy[int]:
    low = kind.ge if kind.ge is not None else None if kind.gt is None else kind.gt + 1
    high = kind.le if kind.le is not None else None if kind.lt is None else kind.lt - 1
    return st.integers(low, high)
