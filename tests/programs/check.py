#!/usr/bin/env python3
"""check.py: an oracle for `plat map` that knows plat only by its output.

    check.py [--gdb] [--list FILE] [--elsewhere TID] PLAT PID

Stops the process PID, lets PLAT look at it, and works out the same facts by other means: the text of
maps, smaps, stat, status and auxv; `readelf -lW` of each mapped image; the registers of each thread
by ptrace, and with --gdb also by gdb; the words of pagemap. Prints one line for each difference, at
most 40, and one that sums up; exits 1 if there is one, 2 if the process could not be looked at. The
process continues at the end, whatever happens, unless somebody had stopped it before.

--list FILE       lines "KIND START END NAME" that the program printed about itself (see town --list)
--elsewhere TID   this thread is known to run on memory that is not its own stack
--gdb             ask gdb for the registers too
--threads N       N threads are to have a stack of their own

Nothing is tolerated silently: what may differ says so here, with the reason, as `# Exception:`.
"""
import argparse
import bisect
import ctypes
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time

PAGE = os.sysconf("SC_PAGESIZE")
TOP = 1 << 64
KINDS = set("""text rodata relro data bss heap anon file shm stack thread-stack guard tls vdso vvar
vsyscall secret hugetlb device reserved args env auxv""".split())
GAPS = {"free", "stack-guard-gap", "unmappable", "non-canonical", "kernel"}
ADDR_COMPAT_LAYOUT = 0x0200000


def down(address):
    return address & -PAGE


def up(address):
    return -(-address & -PAGE)


class Unstoppable(Exception):
    pass


# --- The process, as /proc tells it ---

class Mapping:
    """A line of maps, and what smaps adds."""

    def __init__(self, match):
        self.start, self.end = int(match[1], 16), int(match[2], 16)
        self.perms, self.offset = match[3], int(match[4], 16)
        self.device, self.inode, self.name = match[5], int(match[6]), match[7]
        self.fields, self.flags = {}, set()

    def is_anonymous(self):
        return self.perms[3] == "p" and (not self.name or self.name.startswith("[anon"))

    def is_open(self):
        return self.perms[:3] != "---"

    def is_file(self):
        return self.inode != 0

    def identity(self):
        return self.device, self.inode, self.name

    def __str__(self):
        return f"{self.start:x}-{self.end:x} {self.perms} {self.name or '(anonymous)'}"


LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ([-r][-w][-x][ps]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) "
                  r"([0-9]+) *(.*)$", re.S)
FIELD = re.compile(r"([A-Za-z_]+): +([0-9]+) kB$")


def read(pid, name, mode="r"):
    if mode == "rb":
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    with open(f"/proc/{pid}/{name}", errors="surrogateescape", newline="\n") as file:
        return file.read()


def read_smaps(pid):
    mappings = []
    for line in read(pid, "smaps").split("\n"):
        match = LINE.match(line)
        if match:
            mappings.append(Mapping(match))
            continue
        match = FIELD.match(line)
        if match:
            mappings[-1].fields[match[1]] = int(match[2]) * 1024
        elif line.startswith("VmFlags:"):
            mappings[-1].flags = set(line.split()[1:])
    return mappings


def read_status(pid):
    return dict(line.split(":\t", 1) for line in read(pid, "status").split("\n") if ":\t" in line)


def kib(status, name):
    return int(status[name].split()[0]) * 1024


def read_stat(pid):
    """The fields of stat, numbered as in proc(5)."""
    text = read(pid, "stat")
    rest = text[text.rindex(")") + 2:].split()
    return [None, None, None] + rest


def threads_of(pid):
    return sorted(int(tid) for tid in os.listdir(f"/proc/{pid}/task"))


def state_of(pid, tid):
    try:
        return read_stat(f"{pid}/task/{tid}")[3]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class Process:
    """A process that stands still. `bits` and the registers are known after ask_registers()."""

    def __init__(self, pid):
        self.pid = pid
        self.was_stopped = all(state_of(pid, t) in "Tt" for t in threads_of(pid))

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            states = {t: state_of(self.pid, t) for t in threads_of(self.pid)}
            if all(s in "TtZX" for s in states.values()):
                return
            time.sleep(0.002)
        raise Unstoppable(f"{self.pid}: threads do not stop: {states}")

    def go_on(self):
        if not self.was_stopped:
            try:
                os.kill(self.pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def look(self):
        pid = self.pid
        self.mappings = read_smaps(pid)
        self.maps = [LINE.match(line) for line in read(pid, "maps").split("\n") if line]
        self.status = read_status(pid)
        self.stat = read_stat(pid)
        self.personality = int(read(pid, "personality"), 16)
        self.auxv = read(pid, "auxv", "rb")
        self.tids = [t for t in threads_of(pid) if state_of(pid, t) not in "ZX"]
        header = self.read_memory_of_program()
        self.bits = 64 if header == 2 else 32
        self.starts = [m.start for m in self.mappings]

    def read_memory_of_program(self):
        """The class of the program's ELF file: 1 for 32 bits, 2 for 64."""
        with open(f"/proc/{self.pid}/exe", "rb") as file:
            return file.read(5)[4]

    def mapping_at(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        if i >= 0 and address < self.mappings[i].end:
            return self.mappings[i]
        return None

    def read_bytes(self, address, size):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as file:
            file.seek(address)
            return file.read(size)

    def pagemap(self, start, end):
        with open(f"/proc/{self.pid}/pagemap", "rb", buffering=0) as file:
            file.seek(start // PAGE * 8)
            data = file.read((end - start) // PAGE * 8)
        return memoryview(data[:len(data) // 8 * 8]).cast("Q")

    def address(self, field):
        return int(self.stat[field]) or None


# --- Registers ---

PTRACE_GETREGS, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 12, 17, 0x4206, 0x4207
RSP, FS_BASE, GS_BASE = 19, 21, 22  # in struct user_regs_struct of x86-64
WALL = 0x40000000


def ask_registers(process):
    """{tid: (stack pointer, thread pointer)} by ptrace, or None on another processor."""
    if os.uname().machine != "x86_64":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    result = {}

    def ptrace(request, tid, data=None):
        if libc.ptrace(request, tid, None, data) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} {tid}")

    for tid in process.tids:
        words = (ctypes.c_ulong * 27)()
        ptrace(PTRACE_SEIZE, tid)
        try:
            ptrace(PTRACE_INTERRUPT, tid)
            os.waitpid(tid, WALL)
            ptrace(PTRACE_GETREGS, tid, words)
        finally:
            ptrace(PTRACE_DETACH, tid)
        pointer = words[FS_BASE] if process.bits == 64 else words[GS_BASE]
        result[tid] = words[RSP], pointer
    return result


def ask_gdb(process):
    """The same by gdb; fs_base of a 32-bit process is not the register that it uses."""
    script = ("[(t.switch(), print('REG', t.ptid[1], int(gdb.parse_and_eval('(unsigned long)$sp')), "
              "int(gdb.parse_and_eval('(unsigned long)$fs_base')) if %d == 64 else 0)) "
              "for t in gdb.selected_inferior().threads()]" % process.bits)
    run = subprocess.run(
        ["gdb", "-nx", "-iex", "set auto-load no", "-iex", "set auto-solib-add off",
         "-iex", "set debuginfod enabled off", "-p", str(process.pid), "-batch",
         "-ex", "python " + script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", timeout=120, check=False)
    found = {}
    for line in run.stdout.split("\n"):
        if line.startswith("REG "):
            _, tid, sp, base = line.split()
            found[int(tid)] = int(sp), int(base)
    return found, run.stderr[-300:]


# --- Images, as readelf tells them ---

# Exception: what keeps its kind where a thread has its stack or TLS in it. A static program has the
# first thread's TLS in its heap, musl in .bss, and a program may put stacks into both.
KEPT = ("heap", "bss")

SEGMENT = re.compile(r"^  (LOAD|GNU_RELRO|TLS) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ "
                     r"0x([0-9a-f]+) 0x([0-9a-f]+) ([R ][W ][E ]) 0x", re.M)


class Image:
    """The program headers of a file."""

    def __init__(self, text):
        self.loads, self.relro = [], []
        for kind, offset, vaddr, filesz, memsz, flags in SEGMENT.findall(text):
            numbers = [int(n, 16) for n in (offset, vaddr, filesz, memsz)]
            if kind == "LOAD" and numbers[3]:
                self.loads.append((*numbers, flags))
            elif kind == "GNU_RELRO":
                self.relro.append(numbers)


def read_image(process, mapping):
    """The image behind a mapping, or None where there is no ELF file."""
    paths = [f"/proc/{process.pid}/map_files/{mapping.start:x}-{mapping.end:x}"]
    if not mapping.name.endswith(" (deleted)"):
        paths.append(f"/proc/{process.pid}/root{mapping.name}")
    for path in paths:
        try:
            if os.stat(path).st_ino != mapping.inode:
                continue
            with open(path, "rb") as file:
                if file.read(4) != b"\x7fELF":
                    return None
        except OSError:
            continue
        run = subprocess.run(["readelf", "-lW", path], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, errors="replace", check=False,
                             env={**os.environ, "LC_ALL": "C"})
        return Image(run.stdout)
    return None


def find_images(process):
    """[(image, bias, identity)]: an image is loaded where its code is mapped as its headers say."""
    files, found = {}, {}
    for mapping in process.mappings:
        if mapping.perms[2] != "x" or not mapping.is_file() or not mapping.name.startswith("/"):
            continue
        identity = mapping.identity()
        if identity not in files:
            files[identity] = read_image(process, mapping)
        image = files[identity]
        for offset, vaddr, filesz, _, flags in image.loads if image else []:
            # mprotect() cuts and joins mappings: they need not begin where segments do.
            end = mapping.offset + mapping.end - mapping.start
            if flags[2] != "E" or mapping.offset >= offset + filesz or end <= offset:
                continue
            bias = mapping.start - mapping.offset + down(offset) - down(vaddr)
            if is_loaded(process, image, bias, identity):
                found[bias, identity] = image
    return [(image, bias, identity) for (bias, identity), image in found.items()]


def is_loaded(process, image, bias, identity):
    """A file that is mapped as a whole, as data, has its segments at other places."""
    for offset, vaddr, filesz, _, flags in image.loads:
        mapping = process.mapping_at(bias + vaddr)
        if not mapping:
            return False
        ours = mapping.identity() == identity
        if filesz and ours and \
                bias + down(vaddr) - mapping.start + mapping.offset != down(offset):
            return False
        if filesz and flags[1] == "W" and not ours:
            return False
    return True


# --- What is expected ---

class Expected:
    """For each byte of a mapping the kinds that it may have, painted from coarse to fine."""

    def __init__(self, mapping, kinds):
        self.mapping = mapping
        self.pieces = [(mapping.start, mapping.end, kinds)]

    def paint(self, start, end, kinds):
        start, end = max(start, self.mapping.start), min(end, self.mapping.end)
        if start >= end:
            return
        pieces = []
        for low, high, old in self.pieces:
            if low < min(high, start):
                pieces.append((low, min(high, start), old))
            if max(low, end) < high:
                pieces.append((max(low, end), high, old))
        pieces.append((start, end, frozenset(kinds)))
        self.pieces = sorted(pieces)


SPECIAL = {"[heap]": "heap", "[stack]": "stack", "[vdso]": "vdso", "[vvar]": "vvar",
           "[vvar_vclock]": "vvar", "[vsyscall]": "vsyscall", "[uprobes]": "vdso"}


def kinds_of_mapping(mapping):
    """The kinds that a mapping may have by its line in maps and its VmFlags."""
    name = mapping.name
    if "ht" in mapping.flags or name == "/anon_hugepage (deleted)":
        return {"hugetlb"}
    if name in SPECIAL:
        return {SPECIAL[name]}
    if name in ("/secretmem", "secretmem", "/secretmem (deleted)", "secretmem (deleted)"):
        return {"secret"}
    if mapping.is_anonymous():
        # Which of these it is, the threads decide: see check_threads().
        return {"anon", "thread-stack", "tls"} if mapping.is_open() else {"reserved", "guard"}
    if name.startswith(("/dev/shm/", "/memfd:")) or name == "/dev/zero (deleted)":
        return {"shm"}
    if name.startswith("/SYSV") and name.endswith(" (deleted)"):
        return {"shm"}
    if name.startswith("[anon_shmem:") or not name:
        return {"shm"}
    if name.startswith(("/dev/", "anon_inode:", "/[aio]", "socket:")):
        return {"device"}
    return {"file"} if mapping.is_open() or mapping.perms[3] == "s" else {"reserved"}


def paint_image(expected, image, bias, identity, start_brk):
    """The segments of an image over the mappings of its file and over anonymous memory."""
    def over(start, end, kinds, anonymous_too=()):
        for one in expected:
            mapping = one.mapping
            anonymous = mapping.is_anonymous() or mapping.name == "[heap]"
            if mapping.end <= start or mapping.start >= end or not mapping.is_open():
                continue
            if not anonymous and mapping.identity() != identity:
                continue
            limit = end
            if mapping.name == "[heap]":
                limit = min(end, start_brk or end)  # above it lies what brk() gave
            one.paint(start, limit, set(kinds) | set(anonymous_too if anonymous else ()))

    for _, vaddr, filesz, memsz, flags in image.loads:
        start, end = bias + vaddr, up(bias + vaddr + memsz)
        kind = "text" if flags[2] == "E" else "data" if flags[1] == "W" else "rodata"
        over(down(start), end, {kind})
        if flags[1] == "W" and filesz < memsz:
            over(start + filesz if filesz else down(start), end, {"bss"})
    for _, vaddr, _, memsz in image.relro:
        over(down(bias + vaddr), down(bias + vaddr + memsz), {"relro"})


def find_auxv(process):
    """Where the auxiliary vector lies in the stack: the same bytes, up to AT_NULL."""
    word = process.bits // 8
    pairs = [process.auxv[i:i + 2 * word] for i in range(0, len(process.auxv), 2 * word)]
    n = next(i for i, pair in enumerate(pairs) if not any(pair[:word]))
    vector = b"".join(pairs[:n + 1])
    start = process.address(28)
    mapping = process.mapping_at(start) if start else None
    if not mapping:
        return None
    at = process.read_bytes(start, mapping.end - start).find(vector)
    return (start + at, start + at + len(vector)) if at >= 0 else None


PM_GUARD, PM_PRESENT, PM_SWAPPED = 1 << 58, 1 << 63, 1 << 62
READ_MOST = 4 << 30  # of one mapping


def guard_pages(process):
    """Ranges of guard markers, from pagemap (Linux 6.14 and later; before, there is no such bit)."""
    for mapping in process.mappings:
        # Exception: larger mappings are not read page by page. Reservations are that large, and
        # they have no page at all.
        if mapping.end - mapping.start > READ_MOST or mapping.start >= 1 << 63:
            continue
        start = None
        for i, entry in enumerate(process.pagemap(mapping.start, mapping.end)):
            at = mapping.start + i * PAGE
            if entry & PM_GUARD:
                start = at if start is None else start
            elif start is not None:
                yield start, at
                start = None
        if start is not None:
            yield start, mapping.end


def pieces_of_stack(process):
    """[stack], and what mprotect() has cut off it: it touches, and has the flag gd (grows down)."""
    pieces = []
    for mapping in reversed(process.mappings):
        if mapping.name == "[stack]" or pieces and mapping.end == pieces[-1].start and \
                "gd" in mapping.flags and not mapping.name:
            pieces.append(mapping)
        elif pieces:
            break
    return pieces


def expect(process):
    expected = [Expected(m, frozenset(kinds_of_mapping(m))) for m in process.mappings]
    start_brk = process.address(47)
    for one in expected:
        if one.mapping.name == "[heap]":
            one.paint(start_brk or 0, TOP, {"heap"})
    for image, bias, identity in find_images(process):
        paint_image(expected, image, bias, identity, start_brk)

    parts = [("args", process.address(48), process.address(49)),
             ("env", process.address(50), process.address(51))]
    vector = find_auxv(process)
    if vector:
        parts.append(("auxv", *vector))
    for one in expected:
        for kind, start, end in parts if one.mapping.name == "[stack]" else []:
            if start and end:
                one.paint(start, end, {kind})
    for one in expected:
        if one.mapping in pieces_of_stack(process) and one.mapping.name != "[stack]":
            one.paint(0, TOP, {"stack"} if one.mapping.is_open() else {"guard"})
    by_start = [one.mapping.start for one in expected]
    for start, end in guard_pages(process):
        expected[bisect.bisect_right(by_start, start) - 1].paint(start, end, {"guard"})
    return expected


# --- Comparing ---

class Check:
    def __init__(self, process, document, args):
        self.process, self.document = process, document
        self.elsewhere, self.old_kernel = set(args.elsewhere), args.old_kernel
        self.differences = []
        self.regions = document.get("regions", [])
        for region in self.regions:
            region["from"], region["to"] = int(region["start"], 16), int(region["end"], 16)
        self.starts = [r["from"] for r in self.regions]

    def say(self, text):
        self.differences.append(text)

    def same(self, what, plat, other):
        if plat != other:
            self.say(f"{what}: plat says {plat}, it should be {other}")

    def region_at(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        if i >= 0 and address < self.regions[i]["to"]:
            return self.regions[i]
        return None

    def regions_of(self, start, end):
        i = max(bisect.bisect_right(self.starts, start) - 1, 0)
        while i < len(self.regions) and self.regions[i]["from"] < end:
            if self.regions[i]["to"] > start:
                yield self.regions[i]
            i += 1


ADDRESS = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)$")


def check_contract(check):
    """The keys that are promised, with their types; null only with a reason."""
    document = check.document
    for key, types in {"schema": int, "pid": int, "command": str, "direction": str,
                       "direction_reason": str, "totals": dict, "limits": dict, "gaps": list,
                       "regions": list}.items():
        if not isinstance(document.get(key), types):
            check.say(f"top level: {key} is {document.get(key)!r}")
    check.same("pid", document.get("pid"), check.process.pid)
    if document.get("direction") not in ("top-down", "bottom-up"):
        check.say(f"direction is {document.get('direction')!r}")
    if document.get("unknown"):
        check.say(f"unknown to one who may see all: {document['unknown']}")

    for region in check.regions:
        at = region["start"]
        for key in ("start", "end"):
            if not ADDRESS.match(region[key]):
                check.say(f"{at}: {key} is {region[key]!r}")
        for key in ("size", "rss", "swap"):
            value = region.get(key, "missing")
            if value is None:
                check.say(f"{at}: {key} is unknown: {region.get(key + '_why', 'and no reason')}")
            elif not isinstance(value, int) or value < 0:
                check.say(f"{at}: {key} is {value!r}")
        if not re.match(r"[-r][-w][-x][ps]$", region.get("perms", "")):
            check.say(f"{at}: perms is {region.get('perms')!r}")
        if region.get("kind") not in KINDS:
            check.say(f"{at}: kind is {region.get('kind')!r}")
        if not isinstance(region.get("name"), str) or not region["name"]:
            check.say(f"{at}: name is {region.get('name')!r}")
        if region.get("shared_by") not in ("threads", "thread", "processes"):
            check.say(f"{at}: shared_by is {region.get('shared_by')!r}")
        elif (region["shared_by"] == "processes") != (region["perms"][3] == "s"):
            check.say(f"{at}: {region['perms']} is shared by {region['shared_by']}")
        if not isinstance(region.get("tid", "missing"), (int, type(None))):
            check.say(f"{at}: tid is {region.get('tid')!r}")
        check.same(f"{at} size", region["size"], region["to"] - region["from"])


def check_tiling(check):
    """Regions tile the mappings; gaps are what is left of [0, 2^64)."""
    process = check.process
    covered = 0
    for mapping in process.mappings:
        at = mapping.start
        for region in check.regions_of(mapping.start, mapping.end):
            covered += 1
            if region["from"] != at or region["to"] > mapping.end:
                check.say(f"{mapping}: region {region['start']}-{region['end']} does not fit")
            check.same(f"{region['start']} perms", region["perms"], mapping.perms)
            at = region["to"]
        if at != mapping.end:
            check.say(f"{mapping}: covered only up to {at:#x}")
    check.same("regions in no mapping", len(check.regions) - covered, 0)

    pieces = [(r["from"], r["to"], "region") for r in check.regions]
    for gap in check.document["gaps"]:
        start, end = int(gap["start"], 16), int(gap["end"], 16)
        pieces.append((start, end, "gap"))
        # Exception: 2^64 - 2^48 does not fit into the integers of most JSON readers, so that the
        # size of the non-canonical hole is a rounded real number.
        if gap["size"] != end - start and float(gap["size"]) != float(end - start):
            check.say(f"gap {gap['start']}: size {gap['size']}")
        if gap.get("kind") not in GAPS:
            check.say(f"gap {gap['start']}: kind {gap.get('kind')!r}")
    at = 0
    for start, end, what in sorted(pieces):
        if start != at or end <= start:
            check.say(f"{what} {start:#x}-{end:#x}: what lies below ends at {at:#x}")
        at = end
    check.same("end of the last gap", hex(at), hex(TOP))


def check_gaps(check):
    process = check.process
    gaps = [(int(g["start"], 16), int(g["end"], 16), g["kind"]) for g in check.document["gaps"]]
    with open("/proc/sys/vm/mmap_min_addr") as file:
        low = int(file.read())
    first = process.mappings[0].start
    check.same("unmappable", [g[:2] for g in gaps if g[2] == "unmappable"],
               [(0, min(low, first))] if min(low, first) else [])
    for start, end, kind in gaps:
        if kind == "kernel" and process.bits == 64 and start < 1 << 63:
            check.say(f"gap {start:#x} is called the kernel's")
        if kind in ("free", "stack-guard-gap") and start >= 1 << 63:
            check.say(f"gap {start:#x} is called {kind}")
    guard = 256 * PAGE
    with open("/proc/cmdline") as file:
        match = re.search(r"stack_guard_gap=(\d+)", file.read())
        guard = int(match[1]) * PAGE if match else guard
    for stack in pieces_of_stack(process)[-1:]:
        i = process.mappings.index(stack)
        below = process.mappings[i - 1].end if i else 0
        want = [(max(stack.start - guard, below), stack.start)] if below < stack.start else []
        check.same("stack guard gap", [g[:2] for g in gaps if g[2] == "stack-guard-gap"], want)


def check_totals(check):
    process, totals = check.process, check.document["totals"]
    own = [r for r in check.regions if r["kind"] != "vsyscall"]
    for key in ("size", "rss", "swap"):
        total = sum(r[key] or 0 for r in own)
        check.same(f"totals.{key} against the sum of regions", totals[key], total)
        check.same(f"totals.kinds {key} against the sum of regions",
                   sum(k[key] or 0 for name, k in totals["kinds"].items() if name != "vsyscall"),
                   total)
    for kind, row in totals["kinds"].items():
        regions = [r for r in check.regions if r["kind"] == kind]
        check.same(f"totals.kinds.{kind}", [row["regions"], row["size"], row["rss"], row["swap"]],
                   [len(regions)] + [sum(r[k] or 0 for r in regions)
                                     for k in ("size", "rss", "swap")])
    # vsyscall is the kernel's and not counted in VmSize.
    check.same("sum of sizes against VmSize", totals["size"], kib(process.status, "VmSize"))
    check.same("vm_size", totals["vm_size"], kib(process.status, "VmSize"))
    check.same("vm_rss", totals["vm_rss"], kib(process.status, "VmRSS"))
    # Exception: VmRSS and VmSwap are the kernel's fast counters (mm/util.c percpu_counter): each of
    # their parts may be off by 32 pages or twice the number of processors, for each processor.
    processors = os.cpu_count() or 1
    error = 3 * PAGE * max(32, 2 * processors) * processors
    for key, name in (("rss", "VmRSS"), ("swap", "VmSwap")):
        if abs(totals[key] - kib(process.status, name)) > error:
            check.say(f"totals.{key} is {totals[key]}, {name} {kib(process.status, name)}")
    for key, name in (("rss", "Rss"), ("swap", "Swap")):
        want = sum(figure(process, m, name) for m in process.mappings)
        check.same(f"totals.{key} against smaps", totals[key], want)


def figure(process, mapping, name):
    if name == "Swap" and is_shmem(mapping):
        # Exception: of shared memory smaps counts what the object has in swap, whoever put it
        # there; VmSwap and the page tables do not know of it (Documentation/filesystems/proc.rst).
        # What was copied on writing is in the page tables.
        return PAGE * sum(1 for entry in process.pagemap(mapping.start, mapping.end)
                          if entry & PM_SWAPPED and not entry & PM_GUARD)
    return mapping.fields.get(name, 0)


def is_shmem(mapping):
    return mapping.name.startswith(("/dev/shm/", "/memfd:", "/SYSV")) or \
        mapping.name == "/dev/zero (deleted)"


def check_figures(check, full):
    """Figures of each mapping: the sum over its regions, against smaps."""
    regions = full["regions"]
    starts = [int(r["start"], 16) for r in regions]
    for mapping in check.process.mappings:
        i = bisect.bisect_left(starts, mapping.start)
        j = bisect.bisect_left(starts, mapping.end)
        own = regions[i:j]

        def total(key):
            return sum(r[key] or 0 for r in own)

        for key, name in (("rss", "Rss"), ("swap", "Swap"), ("anon", "Anonymous")):
            check.same(f"{mapping}: {key}", total(key), figure(check.process, mapping, name))
        if check.old_kernel:
            # Exception: before Linux 6.7 nothing says which pages are huge. Then it is unknown.
            if any(r["huge"] is not None or not r.get("huge_why") for r in own):
                check.say(f"{mapping}: huge: known, although the kernel does not tell")
        elif "ht" not in mapping.flags:
            huge = sum(mapping.fields.get(n, 0)
                       for n in ("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"))
            # Exception: the huge page of zeros is mapped by huge entries; smaps does not count it.
            if not huge <= total("huge") <= huge + total("zero"):
                check.same(f"{mapping}: huge", total("huge"), huge)
        if not own or mapping.name == "[vsyscall]":
            continue
        check.same(f"{mapping}: offset", own[0]["offset"],
                   hex(mapping.offset) if mapping.is_file() else None)
        check.same(f"{mapping}: inode", own[0]["inode"], mapping.inode or None)
        if mapping.name and mapping.is_file():
            # What is not UTF-8 cannot stand in JSON: such a byte is \\xff there.
            name = mapping.name.encode(errors="surrogateescape").decode(errors="backslashreplace")
            # plat gives " (deleted)" a mark of its own where it is the kernel's word.
            if own[0]["file"] != name and own[0]["file"] + " (deleted)" != name:
                check.same(f"{mapping}: file", own[0]["file"], name)
        for key, name in (("pss", "Pss"), ("locked", "Locked"), ("ksm", "KSM"),
                          ("lazyfree", "LazyFree"), ("anon_huge", "AnonHugePages"),
                          ("page_size", "KernelPageSize")):
            if own[0].get(key) is None:
                check.say(f"{mapping}: {key}: unknown: {own[0].get(key + '_why')}")
            elif key not in SHARED_FIGURES or mapping.perms[3] == "p" and not mapping.is_file():
                check.same(f"{mapping}: {key}", own[0][key], mapping.fields.get(name, 0))
        for region in own:
            check.same(f"{mapping}: flags", set((region["flags"] or "").split()), mapping.flags)


# Exception: these depend on what other processes do with the same pages meanwhile.
SHARED_FIGURES = {"pss", "locked"}


def check_kinds(check, expected):
    for one in expected:
        for start, end, kinds in one.pieces:
            for region in check.regions_of(start, end):
                if region["kind"] not in kinds:
                    low, high = max(start, region["from"]), min(end, region["to"])
                    check.say(f"{one.mapping}: {low:#x}-{high:#x} is {region['kind']} "
                              f"({region['name']}), it should be {' or '.join(sorted(kinds))}")
    for region in check.regions:
        mapping = check.process.mapping_at(region["from"])
        if region["kind"] == "heap" and mapping.name != "[heap]":
            check.say(f"{region['start']}: heap in {mapping}")


def check_list(check, rows, plain):
    """--list has the same rows as --json."""
    want = []
    for region in plain["regions"]:
        want.append([region["start"][2:].zfill(16), region["end"][2:].zfill(16)] +
                    [str(region[k]) if region[k] is not None else "-"
                     for k in ("size", "rss", "swap", "perms", "kind", "shared_by", "tid")])
    got = [row.split(" ") for row in rows.split("\n") if row]
    for plat, other in zip(got, want):
        plat[0], plat[1] = plat[0].zfill(16), plat[1].zfill(16)
        if plat != other:
            check.say(f"--list: {' '.join(plat)}; --json: {' '.join(other)}")
            return
    check.same("rows of --list", len(got), len(want))


def check_direction(check):
    process = check.process
    with open("/proc/sys/vm/legacy_va_layout") as file:
        legacy = process.personality & ADDR_COMPAT_LAYOUT or int(file.read())
    check.same("direction", check.document["direction"], "bottom-up" if legacy else "top-down")


# --- Threads ---

def touched(process, start, end):
    """The lowest page of [start, end) that was ever touched."""
    for i, entry in enumerate(process.pagemap(start, end)):
        if entry & (PM_PRESENT | PM_SWAPPED) and not entry & PM_GUARD:
            return start + i * PAGE
    return None


def check_stack_of(check, tid, thread, sp):
    """Bounds, use and high-water mark of one thread whose stack plat has found."""
    process = check.process
    start, end = int(thread["stack_start"], 16), int(thread["stack_end"], 16)
    guard = int(thread["guard_start"], 16)
    top = process.address(28) if tid == process.pid else None
    if not start <= sp < end:
        check.say(f"thread {tid}: sp {sp:#x} outside of its stack {start:#x}-{end:#x}")
        return
    if not top:
        tls = int(thread["tls_start"], 16) if thread["tls_start"] else end
        top = tls if start < tls < end else end
    check.same(f"thread {tid}: used", thread["used"], top - sp)
    low = touched(process, start, end)
    check.same(f"thread {tid}: high_water", thread["high_water"],
               max(top - low, 0) if low is not None else None)
    for region in check.regions_of(start, end):
        if region["kind"] not in ("thread-stack", "stack", "guard", "tls", "args", "env", "auxv",
                                  *KEPT):
            check.say(f"thread {tid}: {region['kind']} {region['start']} inside its stack")
        if region["tid"] != tid:
            check.say(f"thread {tid}: {region['start']} in its stack is of thread {region['tid']}")
    for region in check.regions_of(guard, start) if guard < start else []:
        if region["kind"] != "guard" or region["tid"] != tid:
            check.say(f"thread {tid}: its guard {region['start']} is {region['kind']} of "
                      f"{region['tid']}")
    if tid != process.pid:
        below = process.mapping_at(start - 1)
        if guard == start and below and not below.is_open() and below.end == start and \
                below.end - below.start <= 64 * 1024:
            check.say(f"thread {tid}: {below} below its stack is not seen as its guard")


def check_threads(check, registers, wanted):
    process = check.process
    threads = {t["tid"]: t for t in check.document["threads"] if t["tid"]}
    check.same("threads", sorted(threads), process.tids)
    placed = 0
    for tid in process.tids:
        thread = threads.get(tid)
        if not thread:
            continue
        name = read(f"{process.pid}/task/{tid}", "comm").rstrip("\n")
        if name.isascii() and name.isprintable() and "\\" not in name:
            check.same(f"thread {tid}: name", thread["name"], name)
        if registers is None:
            continue
        sp, pointer = registers[tid]
        if process.bits == 32:
            sp &= 0xffffffff
        check.same(f"thread {tid}: sp", thread["sp"], hex(sp))
        main = tid == process.pid
        region = check.region_at(sp)
        kind = "stack" if main else "thread-stack"
        if tid in check.elsewhere:
            # Exception: named on the command line: on a signal stack, a coroutine's or the like.
            if region and region["kind"] == kind and region["tid"] == tid:
                check.say(f"thread {tid}: should be elsewhere, but is on its stack")
        elif not region or region["kind"] not in (kind, *KEPT) or region["tid"] != tid:
            check.say(f"thread {tid}: sp {sp:#x} lies in {region and region['kind']} of "
                      f"{region and region['tid']}, not in its {kind}")
        elif thread["stack_end"] is None:
            check.say(f"thread {tid}: no stack: {thread.get('stack_end_why')}")
        else:
            placed += 1
            check_stack_of(check, tid, thread, sp)
        if pointer:
            region = check.region_at(pointer)
            if not region or region["kind"] not in ("tls", *KEPT) or region["tid"] != tid:
                check.say(f"thread {tid}: thread pointer {pointer:#x} lies in "
                          f"{region and region['kind']} of {region and region['tid']}, not its tls")
    if wanted is not None:
        check.same("threads with a stack", placed, wanted)
    check_claims(check, threads, registers)


def check_claims(check, threads, registers):
    """Nothing is a thread's that no thread's registers point to."""
    process = check.process
    for region in check.regions:
        if region["kind"] not in ("thread-stack", "tls"):
            if region["tid"] and region["kind"] not in ("guard", "stack", "args", "env", "auxv",
                                                        *KEPT):
                check.say(f"{region['start']}: {region['kind']} of thread {region['tid']}")
            continue
        tid = region["tid"]
        if not tid:
            # Kept by the C library for a new thread: a descriptor names itself in it.
            if region["kind"] == "tls" and not has_self(process, region):
                check.say(f"{region['start']}: kept tls without a descriptor")
            continue
        if registers is None or tid not in registers or tid not in threads:
            continue
        if region["kind"] == "tls":
            if not region["from"] <= registers[tid][1] < region["to"]:
                check.say(f"{region['start']}: tls of {tid}, whose pointer is elsewhere")
            continue
        thread = threads[tid]
        start, end = int(thread["stack_start"], 16), int(thread["stack_end"], 16)
        if not start <= region["from"] < region["to"] <= end:
            check.say(f"{region['start']}: thread-stack of {tid} outside of its bounds")
        if not any(start <= r < end for r in registers[tid]):
            check.say(f"{region['start']}: thread-stack of {tid}, whose registers are elsewhere")


def has_self(process, region):
    word = process.bits // 8
    data = process.read_bytes(region["from"], region["to"] - region["from"])
    return any(int.from_bytes(data[i:i + word], "little") == region["from"] + i
               for i in range(0, len(data) - word + 1, word))


# --- What a program says of itself ---

SAID = {
    "text": {"text"}, "rodata": {"rodata"}, "data": {"data"}, "bss": {"bss"},
    "tls": {"tls", *KEPT},
    "large": {"anon"}, "shm-posix": {"shm"}, "shm-sysv": {"shm"}, "memfd": {"shm"},
    "shm-anon": {"shm"}, "file-private": {"file"}, "file-shared": {"file"},
    "file-deleted": {"file"}, "device": {"device"}, "locked": {"anon"}, "dontdump": {"anon"},
    "huge": {"anon"}, "mergeable": {"anon"}, "guard-none": {"guard"}, "guard-madvise": {"guard"},
    "reserved": {"reserved"}, "opened": {"anon"}, "secret": {"secret"}, "sealed": {"anon"},
    "growsdown": {"anon"}, "hugetlb": {"hugetlb"}, "zero": {"anon"}, "jit": {"anon"},
    "heap-block": {"heap", "anon"}, "thread-stack": {"thread-stack", "tls", "guard", *KEPT},
    "anon": {"anon"}, "shm": {"shm"}, "stack": {"stack"}, "guard": {"guard"}, "heap": {"heap"},
    "file": {"file"},
}


def check_said(check, path):
    process = check.process
    threads = {t["tid"]: t for t in check.document["threads"] if t["tid"]}
    said = []
    with open(path, errors="replace") as file:
        for line in file:
            if line.startswith(("skip ", "ready ")):
                continue
            if not line.startswith(tuple(kind + " " for kind in SAID)):
                continue  # the rest of a name with a newline
            kind, start, end, name = line.rstrip("\n").split(" ", 3)
            said.append((kind, int(start, 16), int(end, 16), name))
    opened = [s for s in said if s[0] == "opened"]
    for kind, start, end, name in said:
        tid = re.match(r"tid=(\d+)", name)
        tid = int(tid[1]) if tid else None
        regions = list(check.regions_of(start, end))
        if not regions or regions[0]["from"] > start or regions[-1]["to"] < end:
            check.say(f"the program's {kind} {name} {start:#x}-{end:#x} is not all there")
        for region in regions:
            inside = any(o[1] <= region["from"] and region["to"] <= o[2] for o in opened)
            # Exception: what mmap() puts right behind the break becomes one mapping with the heap,
            # and no file of /proc tells where the break is (32 bits, legacy layout).
            merged = region["kind"] == "heap" and SAID[kind] == {"anon"} and \
                process.mapping_at(region["from"]).name == "[heap]"
            # Exception: ld -z noseparate-code puts constants into the segment of the code.
            with_code = kind == "rodata" and region["kind"] == "text"
            if region["kind"] not in SAID[kind] and not (kind == "reserved" and inside) and \
                    not merged and not with_code:
                check.say(f"the program's {kind} {name}: {region['start']} is {region['kind']}")
            if kind in ("tls", "thread-stack") and tid and region["tid"] != tid:
                check.say(f"the program's {kind} {name}: {region['start']} is of {region['tid']}")
        if kind.startswith("guard") and [(r["from"], r["to"]) for r in regions] != [(start, end)]:
            check.say(f"the program's {kind} {name} {start:#x}-{end:#x} is not a region of its own")
        if kind == "thread-stack" and tid in threads and threads[tid]["stack_end"]:
            thread = threads[tid]
            low, high = int(thread["stack_start"], 16), int(thread["stack_end"], 16)
            if process.musl:
                # musl's pthread_getattr_np() leaves out TLS and descriptor, and does not round.
                start, high = down(start), int(thread["tls_start"], 16)
            check.same(f"stack of {name}", (hex(low), hex(high)), (hex(start), hex(end)))


# --- The whole ---

def run_plat(*command):
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, errors="surrogateescape", check=False)
    return run.returncode, run.stdout, run.stderr.strip()


LISTED = "START,END,SIZE,RSS,SWAP,PERMS,KIND,SHARED_BY,TID"


def compare(process, args):
    """All the differences at this moment."""
    pid = str(process.pid)
    process.look()
    process.musl = args.musl or any("/ld-musl-" in m.name or "-musl/libc.so" in m.name
                                    for m in process.mappings)
    code, text, complaint = run_plat(args.plat, "map", "--json", pid)
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"plat map --json: exit {code}: {error}: {complaint}"], True
    full_code, full_text, full_complaint = run_plat(args.plat, "map", "-o", "all", "--json", pid)
    list_code, rows, list_complaint = run_plat(args.plat, "map", "--list", "--raw", "--bytes",
                                               "--noheadings", "-o", LISTED, pid)
    expected = expect(process)
    check = Check(process, document, args)
    for what, plat, words in (("--json", code, complaint), ("-o all", full_code, full_complaint),
                              ("--list", list_code, list_complaint)):
        # Exception: the allocator's share of a region is not known of every allocator.
        if what == "-o all" and plat == 2 and words.endswith("whose blocks cannot be read"):
            continue
        if plat != 0 or words:
            check.say(f"plat map {what}: exit {plat}: {words}")
    check_contract(check)
    check_tiling(check)
    check_gaps(check)
    check_totals(check)
    check_figures(check, json.loads(full_text))
    check_kinds(check, expected)
    check_list(check, rows, document)
    check_direction(check)
    if args.list:
        check_said(check, args.list)
    registers = ask_registers(process)
    if args.gdb and registers is not None:
        by_gdb, words = ask_gdb(process)
        for tid, (sp, base) in registers.items():
            want = sp, base if process.bits == 64 else 0
            if by_gdb.get(tid) != want:
                check.say(f"gdb says of thread {tid}: {by_gdb.get(tid)}, ptrace {want}: {words}")
    check_threads(check, registers, args.threads)
    after = read_smaps(process.pid)
    calm = [(m.start, m.end, m.fields.get("Rss"), m.fields.get("Swap")) for m in after] == \
        [(m.start, m.end, m.fields.get("Rss"), m.fields.get("Swap")) for m in process.mappings]
    return check.differences, calm


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gdb", action="store_true")
    parser.add_argument("--list")
    parser.add_argument("--musl", action="store_true", help="the program is musl's, static")
    parser.add_argument("--old-kernel", action="store_true", help="plat cannot use PAGEMAP_SCAN")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--elsewhere", type=int, action="append", default=[])
    parser.add_argument("plat")
    parser.add_argument("pid", type=int)
    args = parser.parse_args()
    try:
        name = read(args.pid, "comm").rstrip("\n")
        process = Process(args.pid)
    except (FileNotFoundError, ProcessLookupError):
        print(f"{args.pid}: there is no such process")
        return 2
    try:
        process.stop()
        # The kernel itself moves pages of a stopped process (reclaim, khugepaged): look again then.
        for _ in range(5):
            differences, calm = compare(process, args)
            if not differences or calm:
                break
    except Unstoppable as error:
        print(error)
        return 2
    finally:
        process.go_on()
    for line in differences[:40]:
        print(line)
    if differences:
        print(f"FAILED  {args.pid} {ascii(name)}: {len(differences)} differences, first {differences[0]}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
