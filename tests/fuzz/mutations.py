"""Changes of a valid file: in its structure, by what its form is, or in its bytes. All from a seeded generator."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import math
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from ruamel.yaml import YAML


class Raw(str):
    """A token written as it stands."""


class Pairs(list):  # type: ignore[type-arg]
    """A mapping as its pairs: one key may stand twice."""


TEXTS = [
    "", " ", "a\0b", "\x1b[31mred\x07", "x" * 39_000, "\ud800", "‮live", "../../../../etc/passwd", "/", "nan", "-1",
    "9" * 5000, "=1+1", "%s{0}{x}", "two\nlines\r", "\\", "'", '"', "門限🦊" * 9, "null", "none.yaml",
    "n" * 300 + ".yaml", "\x9b2J", "gone.npz", "digits", "mnist", "input",
]  # fmt: skip
NUMBERS = [
    -1, 0, 1, 2, 3, 5, 7, 16, 17, 31, 32, 33, 255, 256, 257, 4096, 4097, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**63,
    2**64,     10**30, -(10**30), 10**400, 0.5, -0.0, 1e-320, 1e308, math.inf, -math.inf, math.nan,
]  # fmt: skip
YAML_TOKENS = [
    "2001-01-01", "2001-99-99", "2001-01-01T99:99:99Z", "!!float x", "!!int x", "!!bool x", "!!null x",
    "!!binary '***'", "!!timestamp x", "!!python/object:os.system {}", "{[a]: b}", "{{a: b}: c}", "{? [[a]] : b}",
    "*nowhere", "&a [*a]", "&a {a: *a}", "0x_", "0o9", "1_000", "12:30:45", "!!set {a}", "!!omap [a: 1]",
    "!!pairs [a: 1]", "!!str [a]", "!!map x", "[" * 500, "[" * 3000, "{a: " * 500, "9" * 5000, "{<<: 3}",
    "{<<: [1]}", "&x 1", "!<x", "!a!b c", "%", "@", "`", "|", ">-", "=", "~", ".inf", ".nan", "1e999", "yes", "? ",
    "- a", "[a, ", "}", "'", "\"\\x\"",
]  # fmt: skip
HEADER = b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': "
"""Of numpy's format, up to an array's shape."""

HEADER_BYTES = 256

JSON_TOKENS = ["NaN", "-Infinity", "1e999", "[" * 3000, "9" * 5000, '"\\ud800"', "tru", "", "{", '{"a":1,"a":2}']


def hostile(random: Random, tokens: list[str]) -> Any:
    """Return a value that few fields take."""
    kind = random.randrange(6)
    if kind == 0 and tokens:
        return Raw(random.choice(tokens))
    if kind == 1:
        return random.choice(TEXTS)
    if kind == 2:
        return random.choice(
            [None, True, False, [], Pairs(), [[]], [None], Pairs([("a", 1)]), Pairs([(3, 1)]), [1, "a", {}]]
        )
    if kind == 3:
        return random.randint(-300, 300)
    return random.choice(NUMBERS)


def as_tree(value: Any) -> Any:
    """Return a value whose mappings are Pairs."""
    if isinstance(value, dict):
        return Pairs([[key, as_tree(inner)] for key, inner in value.items()])
    return [as_tree(inner) for inner in value] if isinstance(value, list) else value


def change_tree(tree: Any, random: Random, tokens: list[str]) -> Any:
    """Return a tree with one to three of its values, keys or entries changed."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = [(None, None, tree), *_places(tree)]
        holder, index, value = random.choice(places[1:] or places)
        if holder is None:
            return hostile(random, tokens)
        _change(holder, index, value, random, tokens)
    return tree


def _places(tree: Any) -> list[tuple[Any, int, Any]]:
    """Return (holder, index, value) of every value below; the entries of Pairs are lists of key and value."""
    places: list[tuple[Any, int, Any]] = []
    if isinstance(tree, Pairs):
        for entry in tree:
            places += [(tree, tree.index(entry), entry), *_places(entry[1])]
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            places += [(tree, index, value), *_places(value)]
    return places


def _change(holder: Any, index: int, value: Any, random: Random, tokens: list[str]) -> None:
    action = random.randrange(8)
    if action == 0:
        del holder[index]
    elif action == 1:
        holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(value))
    elif isinstance(holder, Pairs):
        key, inner = value
        if action == 2:
            holder[index] = [_misspelt(str(key), random), inner]
        elif action == 3:
            holder.insert(index, [hostile(random, tokens), hostile(random, tokens)])
        elif action == 4 and isinstance(inner, int | float) and not isinstance(inner, bool):
            holder[index] = [
                key,
                random.choice((inner + 1, inner - 1, -inner, inner * 2, inner * 1000, inner / 2, str(inner))),
            ]
        elif action == 5:
            holder[index] = [key, random.choice(holder)[1]]
        else:
            holder[index] = [key, hostile(random, tokens)]
    elif action == 2:
        holder[index] = random.choice(holder)
    else:
        holder[index] = hostile(random, tokens)


def _misspelt(word: str, random: Random) -> str:
    at = random.randrange(len(word) + 1)
    return random.choice((word[:at] + word[at + 1 :], word[:at] + "z" + word[at:], word.upper(), word + "s"))


def flow(value: Any) -> str:
    """Return a tree in YAML's flow style, which is JSON where nothing hostile is in it."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[str(value)]
    return json.dumps(value)


def change_yaml(content: bytes, random: Random) -> bytes:
    tree = change_tree(as_tree(YAML(typ="safe", pure=True).load(content)), random, YAML_TOKENS)
    if isinstance(tree, Pairs) and random.random() < 0.5:  # as people write it: a line a key
        return "".join(f"{flow(key)}: {flow(value)}\n" for key, value in tree).encode("utf-8", "replace")
    return flow(tree).encode("utf-8", "replace")


def change_json(content: bytes, random: Random) -> bytes:
    return flow(change_tree(as_tree(json.loads(content)), random, JSON_TOKENS)).encode("utf-8", "replace")


def change_lines(content: bytes, random: Random) -> bytes:
    """Change a file of JSON in lines."""
    lines = content.splitlines()
    index = random.choice([index for index, line in enumerate(lines) if line.strip()])
    lines[index] = change_json(lines[index], random)
    return b"\n".join(lines)


def change_csv(content: bytes, random: Random) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(random.choice((1, 1, 2, 3))):
        row = random.choice(rows) if rows else []
        column = random.randrange(len(row)) if row else 0
        action = random.randrange(9)
        if action == 0 and row:
            del row[column]
        elif action == 1:
            row.insert(column, random.choice(TEXTS))
        elif action == 2:
            rows.insert(random.randrange(len(rows) + 1), list(row))
        elif action == 3 and rows:
            rows.remove(row)
        elif action == 4 and row:
            random.shuffle(row)
        elif action == 5 and row:
            row[column] = str(random.choice(NUMBERS))[:400]
        elif action == 6 and row:
            row[column] = random.choice([random.choice(other) for other in rows if other] or [""])
        elif row:
            row[column] = random.choice(TEXTS)
    text = io.StringIO()
    if random.random() < 0.3:
        text.write("\n".join(",".join(row) for row in rows))
    else:
        csv.writer(text, lineterminator="\n", escapechar="\\").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass" if random.random() < 0.5 else "replace")


def change_text(content: bytes, random: Random) -> bytes:
    """Change words and marks: those of Liberty, Verilog, vectors."""
    tokens = re.findall(r"\w+|\s+|[^\w\s]", content.decode("utf-8", "replace"))
    for _ in range(random.choice((1, 1, 2, 4))):
        if not tokens:
            break
        at = random.randrange(len(tokens))
        action = random.randrange(7)
        if action == 0:
            del tokens[at]
        elif action == 1:
            tokens.insert(at, random.choice(tokens))
        elif action == 2:
            tokens[at] = random.choice(tokens)
        elif action == 3:
            tokens[at] = random.choice(
                [*TEXTS, "{", "}", "(", ")", ";", '"', ",", "/*", "//", "\\\n", "`include", "$system"]
            )
        elif action == 4:
            tokens[at] = str(random.choice(NUMBERS))[:400]
        elif action == 5:
            end = min(len(tokens), at + random.randrange(1, 200))
            del tokens[at:end]
        else:
            end = min(len(tokens), at + random.randrange(1, 200))
            tokens[at:at] = tokens[at:end]
    return "".join(tokens).encode("utf-8", "replace")


def change_gzip(content: bytes, random: Random) -> bytes:
    """Change what is packed, or the pack."""
    plain = gzip.decompress(content)
    if random.random() < 0.6:
        inner = change_text if plain.isascii() else random.choice((change_bytes, change_header))
        return gzip.compress(inner(plain, random), compresslevel=1, mtime=0)
    return change_bytes(content, random)


def change_header(content: bytes, random: Random) -> bytes:
    """Change the first bytes only, where a binary file says what it is."""
    return change_bytes(content[:HEADER_BYTES], random) + content[HEADER_BYTES:]


def change_arrays(content: bytes, random: Random) -> bytes:
    """Change arrays of an .npz file: their names, shapes, kinds and values, or what a member is at all."""
    with np.load(io.BytesIO(content)) as archive:
        members: dict[str, Any] = {name: archive[name] for name in archive.files}
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(list(members))
        with suppress(TypeError, ValueError):  # of two changes that don't go together
            members[name] = _changed_array(members[name], random)
        action = random.randrange(10)
        if action == 0:
            del members[name]
        elif action == 1:
            members[_misspelt(name, random)] = members.pop(name)
        elif action == 2:
            members[random.choice([*TEXTS[:4], "more", "../up"])] = members[name]
        if not members:
            break
    packed, packing = io.BytesIO(), random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
    with zipfile.ZipFile(packed, "w") as archive_out:
        for name, member in members.items():  # as `ZipInfo`, whose date is fixed: under a name alone, the clock's
            info = zipfile.ZipInfo(f"{name.replace(chr(0), '_')}.npy".encode("utf-8", "replace").decode())
            archive_out.writestr(info, _member(member, random), packing)
    return packed.getvalue()


def _changed_array(array: Any, random: Random) -> Any:
    if not isinstance(array, np.ndarray):
        return array
    values = array.copy()
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        return random.choice([
            lambda: values.astype(random.choice("f8 f4 f2 i1 u8 i4 ? c8 U3 S2 O >i8 g".split())),
            lambda: values.reshape(-1),
            lambda: values[..., None],
            lambda: values.T,
            lambda: values[:-1],
            lambda: np.concatenate([values, values]) if values.ndim else values[None],
            lambda: np.array(random.choice([0, 1.5, -1, 2**63 - 1, "text", None, {}, b"x"])),
            lambda: np.zeros(values.shape, dtype=[("a", "i8"), ("b", "f4")]),
            lambda: np.full(values.shape, random.choice([math.nan, math.inf, -1, 0, 1e300, 2**40, 127, -128])),
            lambda: np.zeros(values.shape, dtype="M8[s]"),
            lambda: np.zeros((0, *values.shape[1:]), dtype=values.dtype),
            lambda: np.full(values.shape, 2**64 - 1, dtype=np.uint64),
            lambda: b"no array",
            lambda: HEADER + b"(99999999999,), }".ljust(128),
            lambda: HEADER + b"(-1,), }".ljust(128),
            lambda: HEADER + b"(" * 90,
            lambda: _poked(values, flat, random),
        ])()  # fmt: skip


def _poked(values: np.ndarray, flat: np.ndarray, random: Random) -> np.ndarray:
    if flat.size and flat.dtype.kind in "iuf":
        limits = np.iinfo(flat.dtype) if flat.dtype.kind in "iu" else np.finfo(flat.dtype)
        flat[random.randrange(flat.size)] = random.choice([limits.max, limits.min, 0, 1, 2])
    return values


def _member(member: Any, random: Random) -> bytes:
    if isinstance(member, bytes):
        return member
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(member), allow_pickle=True)
    return content.getvalue() if random.random() < 0.9 else change_bytes(content.getvalue(), random)


def change_database(content: bytes, random: Random) -> bytes:
    """Change cells, rows and tables of an SQLite file."""
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        path = Path(file.name)
        path.write_bytes(content)
        with sqlite3.connect(path) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            for _ in range(random.choice((1, 1, 2))):
                table = random.choice(tables)
                columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
                if not columns:  # dropped a moment ago
                    continue
                column = random.choice(columns)
                rows = database.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall()
                try:
                    _change_rows(database, table, column, rows, random)
                except sqlite3.Error:  # a constraint: let it be
                    continue
        database.close()
        return path.read_bytes()


def _change_rows(database: sqlite3.Connection, table: str, column: str, rows: list[Any], random: Random) -> None:
    action = random.randrange(6)
    if action == 0:
        database.execute(f'DROP TABLE "{table}"')
    elif action == 1 and rows:
        database.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (random.choice(rows)[0],))
    elif action == 2:
        database.execute(f'DELETE FROM "{table}"')
    elif rows:
        row, value = random.choice(rows)
        fresh: Any = random.choice(
            [*TEXTS[:5], *NUMBERS[:20], None, b"\xff\xfe", "[]", "{}", "3", '"x"', "null", "[" * 3000]
        )
        if isinstance(value, str) and value[:1] in "{[" and random.random() < 0.6:
            fresh = change_json(value.encode(), random).decode()
        database.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (fresh, row))


def change_bytes(content: bytes, random: Random) -> bytes:
    """Flip, cut, repeat, blank or replace bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(changed) + 1)
        length = min(len(changed) - at, random.choice((1, 1, 2, 4, 8, 64, 512)))
        action = random.randrange(8)
        if action < 3 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif action == 3:
            del changed[at:]
        elif action == 4:
            del changed[at : at + length]
        elif action == 5:
            changed[at:at] = changed[at : at + length]
        elif action == 6:
            changed[at : at + length] = bytes(length) if random.random() < 0.5 else b"\xff" * length
        else:
            changed[at : at + length] = random.randbytes(length)
    return bytes(changed)


CHANGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "yaml": change_yaml, "json": change_json, "lines": change_lines, "csv": change_csv, "text": change_text,
    "gzip": change_gzip, "arrays": change_arrays, "database": change_database,
    "header": change_header, "bytes": change_bytes,
}  # fmt: skip
"""By form of a file."""


def change(form: str, content: bytes, random: Random) -> bytes:
    """Return a file of a form changed: mostly in structure, else in bytes, or both; now and then empty."""
    chance = random.random()
    if chance < 0.01:
        return b""
    if chance < 0.25:
        return change_bytes(content, random)
    changed = CHANGES[form](content, random)
    return change_bytes(changed, random) if chance < 0.3 else changed
