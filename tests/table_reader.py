"""Reads a segment with nothing but the table: name -> offset, size. No Rust, no descriptor.

usage: table_reader.py NAME FIELD FORMAT [INDEX ...]
Lists the entries, then prints elements of FIELD, whose elements have the struct module's FORMAT.
"""

import mmap
import struct
import sys

HEADER = struct.Struct("<IIII")
ENTRY = struct.Struct("<32sII")


def entries(view):
    magic, version, count, _next = HEADER.unpack_from(view, 0)
    if magic != 0x5A49504D:
        raise SystemExit(f"no segment: magic {magic:#x}")
    if version & 0xFFFF != 1:
        raise SystemExit(f"version {version:#x} is not 1")
    unit = 1 << (version >> 16)
    for i in range(count):
        name, offset, size = ENTRY.unpack_from(view, HEADER.size + i * ENTRY.size)
        name = name.split(b"\0")[0].decode()
        if name:
            yield name, offset * unit, size * unit


def main(segment, field, fmt, *indices):
    element = struct.Struct("<" + fmt)
    with open(f"/dev/shm/{segment}", "rb") as file:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
            table = {name: (offset, size) for name, offset, size in entries(view)}
            for name, (offset, size) in table.items():
                print(f"{name} {offset} {size}")
            offset, size = table[field]
            for index in map(int, indices):
                if (index + 1) * element.size > size:
                    raise SystemExit(f"{field}[{index}] is out of range")
                (value,) = element.unpack_from(view, offset + index * element.size)
                print(f"{field}[{index}] = {value!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
