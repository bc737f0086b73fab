#!/usr/bin/env python3
"""The memory half of capture.sh: capture-pages.py PID TO

Writes TO/pages/runs, the states of all pages, and TO/pages/ADDRESS for each page of which plat reads
something: ELF headers, the pointers and the auxiliary vector at the top of the stack, the C library's
thread descriptors with the vectors and lists that they lead to. All other bytes of these pages are zero.
"""
import ctypes
import fcntl
import os
import re
import struct
import sys

PAGE = os.sysconf("SC_PAGESIZE")
NEAR_END = 256 * 1024  # how far into a mapping the main thread's descriptor is sought
DESCRIPTOR = 0xA00  # bytes of a descriptor that are kept
CATEGORIES = ((1 << 3, "p"), (1 << 4, "s"), (1 << 2, "f"), (1 << 5, "z"), (1 << 6, "h"), (1 << 8, "g"))


class Process:
    def __init__(self, pid):
        self.path = f"/proc/{pid}"
        self.mem = open(f"{self.path}/mem", "rb", buffering=0)
        self.pagemap = open(f"{self.path}/pagemap", "rb", buffering=0)
        self.kept = {}  # page -> bytearray
        self.maps = []
        for line in open(f"{self.path}/maps", errors="surrogateescape"):
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ (\d+) *(.*)", line)
            self.maps.append((int(m[1], 16), int(m[2], 16), m[3], int(m[4], 16), m[6]))
        auxv = open(f"{self.path}/auxv", "rb").read()
        is_64 = any(auxv[i : i + 16] == struct.pack("<QQ", 4, 56) for i in range(0, len(auxv), 16))
        self.word = 8 if is_64 else 4

    def present(self, page):
        try:
            entry = os.pread(self.pagemap.fileno(), 8, page // PAGE * 8)
            return len(entry) == 8 and struct.unpack("<Q", entry)[0] >> 63
        except OverflowError:
            return False

    def read(self, at, size):
        """The bytes, or None where a page of them is not present."""
        if any(not self.present(p) for p in range(at - at % PAGE, at + size, PAGE)):
            return None
        try:
            data = os.pread(self.mem.fileno(), size, at)
        except OSError:
            return None
        return data if len(data) == size else None

    def read_word(self, at):
        data = self.read(at, self.word) if 0 < at < 1 << 47 else None
        return int.from_bytes(data, "little") if data else None

    def keep(self, at, size):
        """Keeps these bytes, as far as they are present."""
        while size > 0:
            page = at - at % PAGE
            part = min(size, page + PAGE - at)
            data = self.read(at, part)
            if data is not None:
                kept = self.kept.setdefault(page, bytearray(PAGE))
                kept[at - page : at - page + part] = data
            at += part
            size -= part

    def region(self, at):
        return next((m for m in self.maps if m[0] <= at < m[1]), None)


def keep_headers(p):
    """The ELF header, and the program headers wherever it says."""
    for start, _, rights, offset, name in p.maps:
        data = p.read(start, 64) if "r" in rights and name and offset == 0 else None
        if not data or data[:4] != b"\x7fELF":
            continue
        is_64 = data[4] == 2
        offset = struct.unpack_from("<Q" if is_64 else "<I", data, 32 if is_64 else 28)[0]
        size, count = struct.unpack_from("<2H", data, 54 if is_64 else 42)
        p.keep(start, 64)
        p.keep(start + offset, size * count)


def keep_auxv(p):
    """argc, the pointers of argv and of the environment, the vector: no strings."""
    stat = open(f"{p.path}/stat", "rb").read().rpartition(b")")[2].split()
    at = int(stat[28 - 3])
    start = at
    if not at:
        return
    argc = p.read_word(at)
    at += (1 + argc + 1) * p.word
    while p.read_word(at):
        at += p.word
    at += p.word
    while p.read_word(at):
        at += 2 * p.word
    p.keep(start, at + 2 * p.word - start)


def self_references(p, start, end):
    for page in range(start - start % PAGE, end, PAGE):
        data = p.read(page, PAGE)
        if not data:
            continue
        for offset in range(0, PAGE, p.word):
            value = int.from_bytes(data[offset : offset + p.word], "little")
            if value == page + offset >= start:
                yield value


def kind_of_descriptor(p, at):
    w = p.word
    if p.read_word(at + 2 * w) == at:
        return "glibc"
    following = p.read_word(at + 3 * w)
    if following and p.read_word(following) == following and p.read_word(following + 2 * w) == at:
        return "musl"
    return None


def keep_vector(p, at, kind):
    """The vector of the thread's blocks of static TLS."""
    vector = p.read_word(at + p.word)
    stride = 2 * p.word if kind == "glibc" else p.word
    count = p.read_word(vector - stride if kind == "glibc" else vector) if vector else None
    if count is not None:
        p.keep(vector - stride, (min(count, 64) + 2) * stride)


def follow_lists(p, at, tids, found):
    """glibc: the list that all descriptors are in, and the heads of lists beside its head."""
    w = p.word
    for offset in range(16 * w, 0x400, w):
        data = p.read(at + offset, 4)
        if not data or int.from_bytes(data, "little") not in tids:
            continue
        node = first = at + offset - 2 * w
        for _ in range(1000):
            following = p.read_word(node)
            if not following or p.read_word(following + w) != node:
                break
            descriptor = node - (offset - 2 * w)
            if p.read_word(descriptor) == descriptor:
                found.add(descriptor)
            else:  # a head: others stand beside it, with lists of their own
                p.keep(node - 4 * w, 10 * w)
                for beside in (node - 4 * w, node - 2 * w, node + 2 * w, node + 4 * w):
                    link = p.read_word(beside)
                    for _ in range(1000):
                        if not link or link == beside:
                            break
                        candidate = link - (offset - 2 * w)
                        if p.read_word(candidate) == candidate:
                            found.add(candidate)
                        link = p.read_word(link)
            node = following
            if node == first:
                break


def keep_descriptors(p):
    found = set()
    tids = {int(t) for t in os.listdir(f"{p.path}/task")}
    for tid in tids:
        words = open(f"{p.path}/task/{tid}/syscall").read().split()
        region = p.region(int(words[-2], 16)) if len(words) > 2 else None
        if region:
            found.update(
                at
                for at in self_references(p, int(words[-2], 16), region[1])
                if kind_of_descriptor(p, at)
            )
    for start, end, rights, _, name in p.maps:
        if rights[:2] == "rw" and rights[3] == "p" and name in ("", "[heap]"):
            for low, high in ((start, min(end, start + NEAR_END)), (max(start, end - NEAR_END), end)):
                found.update(at for at in self_references(p, low, high) if kind_of_descriptor(p, at))
    for at in list(found):
        if kind_of_descriptor(p, at) == "glibc":
            follow_lists(p, at, tids, found)
        else:  # musl's ring
            following = p.read_word(at + 3 * p.word)
            for _ in range(1000):
                if not following or following in found or p.read_word(following) != following:
                    break
                found.add(following)
                following = p.read_word(following + 3 * p.word)
    for at in found:
        kind = kind_of_descriptor(p, at)
        p.keep(at, DESCRIPTOR if kind == "glibc" else 0x200)
        keep_vector(p, at, kind)


def scan(p, start, end):
    """PAGEMAP_SCAN, Linux 6.7; with guards, Linux 6.15."""
    vector = bytearray(24 * 1024)
    guard = 1 << 8
    while start < end:
        address = memoryview(vector)
        where = ctypes.addressof((ctypes.c_char * len(vector)).from_buffer(address))
        bits = 0b1111100 | guard
        arg = bytearray(
            struct.pack("<12Q", 96, 0, start, end, 0, where, 1024, 0, 0, 0, 0b11000 | guard, bits)
        )
        try:
            n = fcntl.ioctl(p.pagemap, 0xC0606610, arg)
        except OSError:
            if not guard:
                raise
            guard = 0
            continue
        for i in range(n):
            low, high, categories = struct.unpack_from("<3Q", vector, 24 * i)
            letters = "".join(letter for bit, letter in CATEGORIES if categories & bit)
            yield low, high, "g" if "g" in letters else letters
        start = struct.unpack_from("<Q", arg, 32)[0]


def entries(p):
    """pagemap, before Linux 6.7."""
    for start, end, *_ in p.maps:
        for page in range(start, min(end, 1 << 47), PAGE):
            entry = struct.unpack("<Q", os.pread(p.pagemap.fileno(), 8, page // PAGE * 8))[0]
            letters = "".join(c for bit, c in ((63, "p"), (62, "s"), (61, "f")) if entry >> bit & 1)
            if "p" in letters or "s" in letters:
                yield page, page + PAGE, letters


def runs(p):
    """Neighbours of one state as one run; a run never reaches from one mapping into the next."""
    try:
        pieces = [run for m in p.maps if m[0] < 1 << 47 for run in scan(p, m[0], m[1])]
    except OSError:
        pieces = list(entries(p))
    last = None
    for start, end, letters in pieces:
        if last and last[1] == start and last[2] == letters:
            last = (last[0], end, letters)
            continue
        if last:
            yield last
        last = (start, end, letters)
    if last:
        yield last


def main():
    p, to = Process(int(sys.argv[1])), sys.argv[2]
    with open(f"{to}/pages/runs", "w") as out:
        for start, end, letters in runs(p):
            out.write(f"{start:x}-{end:x} {letters}\n")
    keep_headers(p)
    keep_auxv(p)
    keep_descriptors(p)
    for page, data in p.kept.items():
        with open(f"{to}/pages/{page:016x}", "wb") as out:
            out.write(data)


main()
