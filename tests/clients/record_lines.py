"""Records as lines: KEY, VALUE and NAME:VALUE,... of the headers, in hex, "-" for null; the offset before them when read."""

import sys


def from_hex(text):
    return None if text == "-" else bytes.fromhex(text)


def to_hex(value):
    return "-" if value is None else value.hex()


def records():
    """What standard input holds: (key, value, headers)."""
    for line in sys.stdin:
        key, value, headers = line.rstrip("\n").split(" ")
        pairs = [header.split(":") for header in headers.split(",")] if headers else []
        yield from_hex(key), from_hex(value), [(from_hex(name).decode(), from_hex(value)) for name, value in pairs]


def print_record(offset, key, value, headers):
    shown = ",".join(f"{to_hex(name.encode())}:{to_hex(value)}" for name, value in headers)
    print(offset, to_hex(key), to_hex(value), shown)
