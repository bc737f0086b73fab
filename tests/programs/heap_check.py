#!/usr/bin/env python3
"""
Whether what plat heap says of a process agrees with itself, and with what its C library says.

    heap_check.py [--gdb] PLAT PID

The process stands still while it is looked at. Every proof must hold, and no block may be torn or
damaged. With --gdb the process is made to write malloc_info(3), and then what each arena holds, and
how much of that is free, must be the same to the byte. Prints one line; exits 1 if something is
wrong, with a line for each.
"""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree


def heap(plat, pid):
    done = subprocess.run([plat, "heap", "--json", "--stop", str(pid)], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not done.stdout:
        return None, done.stderr.strip()
    return json.loads(done.stdout), done.stderr.strip()


def with_info(plat, pid):
    """malloc_info and plat heap of the same moment; malloc_info makes no block."""
    folder = tempfile.mkdtemp(dir=f"/proc/{pid}/root/tmp")
    os.chmod(folder, 0o777)
    file = "/tmp/" + os.path.basename(folder) + "/info"
    commands = [
        "set pagination off", "set confirm off",
        f'set $file = ((void *(*)(const char *, const char *))fopen)("{file}", "w")',
        "call (int)setvbuf($file, 0, 2, 0)".replace(
            "(int)setvbuf", "((int (*)(void *, void *, int, long))setvbuf)"),
        "call ((int (*)(int, void *))malloc_info)(0, $file)",
        f"shell {plat} heap --json --no-stop {pid} >{folder}/heap 2>{folder}/words",
        "call ((int (*)(void *))fclose)($file)",
    ]
    words = ["gdb", "-q", "-nx", "-batch", "-p", str(pid)]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run(words, check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    try:
        with open(folder + "/heap", encoding="utf-8") as document, \
                open(folder + "/info", encoding="utf-8") as info:
            return json.load(document), xml.etree.ElementTree.parse(info).getroot()
    except (OSError, ValueError, xml.etree.ElementTree.ParseError) as error:
        print(f"gdb: {error}: {done.stdout.strip().splitlines()[-3:]}")
        return None, None
    finally:
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)


def proofs(document):
    wrong = []
    for key in ("unreadable", "unsteady", "broken"):
        if document["proofs"][key]:
            wrong.append(f"{document['proofs'][key]} pieces are {key}: "
                         f"{document['proofs']['first_broken']}")
    for proof in document["proofs"]["list"]:
        if proof["result"] != "holds":
            wrong.append(f"{proof['words']}: {proof['result']}: {proof['found']} found, "
                         f"{proof['told']} told, {proof['why']}")
    return wrong


def size(element, kind):
    found = [e for e in element if e.get("type") == kind]
    return int(found[0].get("size")) if found else 0


def free_bytes(arena, word):
    """glibc 2.36 __malloc_info adds sizes up with their flags, but for those of fast bins, which are
    ranges that end at a multiple of two words. plat counts a chunk from its size to the next one's,
    so that top, behind which there is none, is a word shorter."""
    flags = sum(int(e.get("count")) * (int(e.get("from")) & 7) for e in arena.find("sizes")
                if int(e.get("to")) % (2 * word))
    return size(arena, "fast") + size(arena, "rest") - flags - word


def agree(document, info, word):
    """What lies in tcaches is in use to glibc. It numbers arenas from the newest on, plat does not."""
    told = [(size(a, "current"), free_bytes(a, word)) for a in info.findall("heap")]
    seen = [(a["held"], a["free"] - a["cached"]) for a in document["arenas"]
            if a["arena"] != "mapped"]
    mapped = sum(a["held"] for a in document["arenas"] if a["arena"] == "mapped")
    wrong = []
    if sorted(told) != sorted(seen):
        wrong.append(f"held and free of arenas: {seen}, malloc_info says {told}")
    if mapped != size(info, "mmap"):
        wrong.append(f"mapped: {mapped}, malloc_info says {size(info, 'mmap')}")
    return wrong


def main():
    arguments = sys.argv[1:]
    by_gdb = "--gdb" in arguments
    plat, pid = [a for a in arguments if a != "--gdb"]
    document, words = heap(plat, pid)
    if document is None or "proofs" not in document:
        print(f"no heap that can be read: {words}")
        return 0
    info = None
    # gdb finds no functions of a program that is not where it was.
    if (by_gdb and document["allocator"]["name"] == "glibc"
            and os.path.exists(os.readlink(f"/proc/{pid}/exe"))):
        document, info = with_info(plat, pid)
        if document is None:
            return 1
    wrong = proofs(document)
    if info is not None:
        with open(f"/proc/{pid}/exe", "rb") as program:
            wrong += agree(document, info, 4 * program.read(5)[4])
    for line in wrong:
        print(line)
    totals = document["totals"]
    print(f"{document['allocator']['name']} {document['allocator']['version']}: "
          f"{totals['live_blocks']} blocks, {totals['live_bytes']} of {totals['held']} bytes live, "
          f"{len(document['arenas'])} arenas, {len(document['proofs']['list'])} proofs"
          f"{', malloc_info agrees' if info is not None and not wrong else ''}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
