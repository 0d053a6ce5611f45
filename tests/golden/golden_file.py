"""Writes safetensors files, the format of https://github.com/huggingface/safetensors, for the golden tests."""

import json
import struct

TYPES = {"float64": "F64", "float32": "F32", "int32": "I32"}


def write(path, tensors):
    """tensors: name -> numpy array. Widest type first, then by name, so that all data is aligned to its type."""
    order = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header, end = {}, 0
    for name in order:
        array = tensors[name]
        start, end = end, end + array.nbytes
        header[name] = {"dtype": TYPES[str(array.dtype)], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(tensors[name].astype(tensors[name].dtype.newbyteorder("<")).tobytes())
