"""Text columns of Arrow tables as codes: dictionaries are read once, whichever chunks share them."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from features.errors import JourneyError
from features.journeys_order import Coded
from features.threads import WORTH_A_THREAD, available, run_all

__all__ = ["Encoded", "code_text", "encode_text"]


class Encoded(NamedTuple):
    """Text as it is encoded chunk by chunk: each with its dictionary, which chunks may share.

    Attributes
    ----------
    chunks : list of DictionaryArray
    dictionaries : list of Array of str
    which : list of int
        Of each chunk, its dictionary.
    """

    chunks: list[pa.DictionaryArray]
    dictionaries: list[pa.Array]
    which: list[int]

    @property
    def values(self) -> pa.Array:
        """The values of all dictionaries, one dictionary after the other; a value may be there more than once."""
        return pa.concat_arrays(self.dictionaries) if self.dictionaries else pa.array([], pa.string())

    def look_up(self, codes: np.ndarray) -> np.ndarray:
        """Give each row a code; `codes` are those of `values`, a missing one gets -1."""
        ends = np.cumsum([len(dictionary) for dictionary in self.dictionaries])
        rows = np.cumsum([0, *map(len, self.chunks)])
        tables = [np.append(dictionary_codes, -1).astype(np.int32) for dictionary_codes in np.split(codes, ends[:-1])]
        out = np.empty(rows[-1], dtype=np.int32)

        def fill(chunk: int) -> None:
            indices = _indices(self.chunks[chunk])
            np.take(tables[self.which[chunk]], indices, out=out[rows[chunk] : rows[chunk + 1]], mode="clip")

        run_all([partial(fill, chunk) for chunk in range(len(self.chunks))], len(out))
        return out


def _indices(chunk: pa.DictionaryArray) -> np.ndarray:
    indices = chunk.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(chunk.dictionary))
    return np.asarray(indices.to_numpy(zero_copy_only=False))


def encode_text(values: pa.ChunkedArray | pa.Array, name: str, column: str) -> Encoded:
    """Encode a text column chunk by chunk; `name` is its table's, for messages."""
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (
        pa.types.is_null(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    ):
        raise JourneyError(f"{name}: {column} has type {values.type}; expected text. Cast it to string.", field=column)
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    if pa.types.is_dictionary(values.type):
        numbers: dict[tuple[int, ...], int] = {}
        which = [numbers.setdefault(_identity(chunk.dictionary), len(numbers)) for chunk in chunks]
        dictionaries = [chunks[which.index(number)].dictionary.cast(pa.string()) for number in range(len(numbers))]
        return Encoded(chunks, dictionaries, which)
    size = -(-len(values) // available()) if len(values) >= WORTH_A_THREAD else max(1, len(values))
    parts = [chunk.slice(begin, size) for chunk in chunks for begin in range(0, len(chunk), size)]
    encoded = run_all([partial(_encode, part) for part in parts], len(values))
    return Encoded(encoded, [part.dictionary for part in encoded], list(range(len(encoded))))


def _encode(text: pa.Array) -> pa.DictionaryArray:
    return (text if pa.types.is_string(text.type) else text.cast(pa.string())).dictionary_encode()


def _identity(dictionary: pa.Array) -> tuple[int, ...]:
    """Tell dictionaries apart by where they lie in memory."""
    return (len(dictionary), dictionary.offset, *(0 if part is None else part.address for part in dictionary.buffers()))


def code_text(values: pa.ChunkedArray | pa.Array, name: str, column: str) -> Coded:
    """Encode a text column by the order of its values' UTF-8 bytes; values that no row has are left out."""
    encoded = encode_text(values, name, column)
    distinct = encoded.values.dictionary_encode()
    texts, of_value = distinct.dictionary.to_pylist(), _indices(distinct)
    ordered = sorted(text for text in texts if text is not None)
    codes = encoded.look_up(_ranks(texts, ordered)[of_value])
    if pa.types.is_dictionary(values.type):
        # A dictionary that was given may hold values that no row has; codes are ranks among the values that occur.
        counts = np.bincount(codes + 1, minlength=len(ordered) + 1)[1:]
        if not counts.all():
            ordered = [text for text, count in zip(ordered, counts, strict=True) if count]
            codes = encoded.look_up(_ranks(texts, ordered)[of_value])
    return Coded(codes, tuple(ordered))


def _ranks(texts: list[str | None], ordered: list[str]) -> np.ndarray:
    """Give each text its position in `ordered`, -1 where it is not there; one more entry is for a missing text."""
    position: dict[str | None, int] = {text: code for code, text in enumerate(ordered)}
    return np.array([*(position.get(text, -1) for text in texts), -1], dtype=np.int32)
