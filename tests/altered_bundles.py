"""Bundles with something wrong in them, and checksums that fit: as chance, a bad disk or somebody with a grudge."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Change = Callable[[random.Random, bytes], bytes]

ODD_NUMBERS = [
    "-1",
    "-2147483649",
    "4294967296",
    "99999999999999999999",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1e308",
    "",
    "x",
    "0",
]
ODD_VALUES: list[Any] = [None, True, -1, 0, 10**30, 1e308, "", "x", [], {}, [[]], [None], [10**30], "\ud83d\ude00" * 9]


def _flip(draw: random.Random, content: bytes) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _truncate(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content))]


def _without_a_line(draw: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    del lines[draw.randrange(len(lines))]
    return b"\n".join(lines)


def _twice_a_line(draw: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    place = draw.randrange(len(lines))
    return b"\n".join([*lines[:place], lines[place], *lines[place:]])


def _odd_number(draw: random.Random, content: bytes) -> bytes:
    found = list(re.finditer(rb"(?<![0-9A-Za-z_.])-?[0-9][0-9.e+-]*", content))
    chosen = draw.choice(found)
    return content[: chosen.start()] + draw.choice(ODD_NUMBERS).encode() + content[chosen.end() :]


def _another_length(draw: random.Random, content: bytes) -> bytes:
    found = [line for line in re.finditer(rb"(?m)^([a-z_]+)=(.*)$", content) if b" " in line[2]]
    chosen = draw.choice(found)
    words = chosen[2].split(b" ")
    changed = draw.choice([words[:-1], [*words, words[0]], words[:1], []])
    return content[: chosen.start(2)] + b" ".join(changed) + content[chosen.end() :]


def _another_child(draw: random.Random, content: bytes) -> bytes:
    found = list(re.finditer(rb"(?m)^(left_child|right_child)=(.+)$", content))
    chosen = draw.choice(found)
    words = chosen[2].split(b" ")
    words[draw.randrange(len(words))] = str(draw.choice([0, 1, -1, len(words) + 7, -len(words) - 9, 10**9])).encode()
    return content[: chosen.start(2)] + b" ".join(words) + content[chosen.end() :]


def _within_a_tree(draw: random.Random, content: bytes) -> bytes:
    """Change one number of a tree, and the size that is told of the tree with it."""
    return resized(_odd_number(draw, content[content.index(b"Tree=0") :]), content)


def _another_tree_size(draw: random.Random, content: bytes) -> bytes:
    line = re.search(rb"(?m)^tree_sizes=(.+)$", content)
    assert line is not None
    words = line[1].split(b" ")
    place = draw.randrange(len(words))
    words[place] = str(draw.choice([0, -1, 1, int(words[place]) + 1, 10**12, 2**63])).encode()
    return content[: line.start(1)] + b" ".join(words) + content[line.end() :]


def _odd_value(draw: random.Random, content: bytes) -> bytes:
    value = json.loads(content)
    parent, key = value, draw.choice(list(value) if isinstance(value, dict) else [0])
    for _ in range(draw.randrange(4)):
        below = parent[key]
        if not isinstance(below, (dict, list)) or not below:
            break
        parent, key = below, draw.choice(list(below) if isinstance(below, dict) else range(len(below)))  # type: ignore[arg-type]
    parent[key] = draw.choice(ODD_VALUES)
    return json.dumps(value).encode()


def _deep(draw: random.Random, content: bytes) -> bytes:
    return draw.choice([b"[", b'{"a":']) * draw.choice([1_000, 100_000])


def _not_text(draw: random.Random, content: bytes) -> bytes:
    return draw.choice([content.decode().encode("utf-16"), b"\xff" + content, content.replace(b"\n", b"\0", 1), b""])


ANY: list[Change] = [_flip, _truncate, _without_a_line, _twice_a_line, _not_text, _odd_number]
TEXT: list[Change] = [
    *ANY,
    _another_length,
    _another_child,
    _another_child,
    _within_a_tree,
    _within_a_tree,
    _another_tree_size,
]
JSON: list[Change] = [*ANY, _odd_value, _odd_value, _odd_value, _deep]


def resized(body: bytes, model: bytes) -> bytes:
    """Put trees below a model's header, with the sizes that they have."""
    head = model[: model.index(b"Tree=0")]
    trees, _, _ = body.partition(b"end of trees")
    sizes = [len(b"Tree=" + part) for part in trees.split(b"Tree=")[1:]]
    return re.sub(rb"(?m)^tree_sizes=.*$", b"tree_sizes=" + b" ".join(b"%d" % size for size in sizes), head) + body


def write(folder: Path, good: Path, changed: dict[str, bytes]) -> Path:
    """Write a bundle with changed files, and checksums and a fingerprint that fit."""
    folder.mkdir(parents=True)
    contents = {
        path.name: path.read_bytes() for path in good.iterdir() if path.is_file() and path.name != "provenance.json"
    } | changed
    if "catalog.json" in changed:
        contents |= _with_fingerprint(contents)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name != "checksums.json"}
    contents["checksums.json"] = json.dumps(sums).encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def _with_fingerprint(contents: dict[str, bytes]) -> dict[str, bytes]:
    try:
        catalog, metadata = json.loads(contents["catalog.json"]), json.loads(contents["metadata.json"])
        del catalog["fingerprint"]
        text = json.dumps(catalog, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError, TypeError, KeyError):
        return {}
    metadata["fingerprint"] = catalog["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()
    return {"catalog.json": json.dumps(catalog).encode(), "metadata.json": json.dumps(metadata).encode()}


def drawn(good: Path, count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Draw altered files: name of the file, what was done, content."""
    draw = random.Random(seed)
    files = [path for path in good.iterdir() if path.is_file() and path.read_bytes().strip() != b"null"]
    names = sorted(path.name for path in files if path.name not in ("checksums.json", "provenance.json"))
    for number in range(count):
        # trees are what can kill; the other files share the rest
        name = draw.choice(["model.txt", "spread.txt"]) if number % 2 else draw.choice(names)
        change = draw.choice(TEXT if name.endswith(".txt") else JSON)
        yield name, change.__name__, change(draw, (good / name).read_bytes())


def killers(good: Path) -> dict[str, bytes]:
    """Return models that end LightGBM's process, or never let it end, when nothing looks at them before."""
    model = (good / "model.txt").read_bytes()
    trees = model[model.index(b"Tree=0") :]

    def with_field(name: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
        line = re.search(rb"(?m)^" + name + rb"=(.+ .+)$", trees)
        assert line is not None
        return resized(trees[: line.start(1)] + b" ".join(change(line[1].split(b" "))) + trees[line.end() :], model)

    return {
        "circle": with_field(b"left_child", lambda words: [b"0", *words[1:]]),
        "far child": with_field(b"right_child", lambda words: [b"1000000", *words[1:]]),
        "far feature": with_field(b"split_feature", lambda words: [b"100000000"] * len(words)),
        "no equals sign": resized(trees.replace(b"split_gain=", b"split_gain ", 1), model),
        "wrong size": re.sub(rb"(?m)^tree_sizes=\d+", b"tree_sizes=999999999", model),
        "many leaves": resized(trees.replace(b"num_leaves=", b"num_leaves=9999999", 1), model),
    }
