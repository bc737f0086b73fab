"""The libraries that are compared, and where they are found."""
import glob
import os
import sys

# Debian's packages, and what may lie beside a compiler; the last version counts.
FOUND = [
    ("mimalloc", "/usr/lib/*/libmimalloc.so.[0-9]"),
    ("jemalloc", "/usr/lib/*/libjemalloc.so.2"),
    ("tcmalloc", "/usr/lib/*/libtcmalloc_minimal.so.4"),
    ("scudo", "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.scudo_standalone-x86_64.so"),
]
OURS = "plat"


def wrong(text):
    """Ends the program: the arguments are wrong."""
    print(f"bench/malloc: {text}", file=sys.stderr)
    sys.exit(64)


class Peer:
    """A name, the library to preload, if any, and more environment."""

    def __init__(self, name, path=None, env=None, musl=False):
        self.name, self.path, self.musl = name, path, musl
        self.env = dict(env or {})

    def environment(self):
        env = dict(self.env)
        env["LD_PRELOAD"] = self.path or ""
        return env

    def with_env(self, name, **env):
        return Peer(name, self.path, {**self.env, **env}, self.musl)

    def with_checked(self):
        """The same with libplat-checked in front, if it is beside our library."""
        folder = os.path.dirname(self.path)
        for beside in (folder, f"{folder}/../mem"):
            checked = os.path.realpath(f"{beside}/libplat-checked.so.1")
            if os.path.exists(checked):
                return Peer(self.name, f"{checked}:{self.path}", self.env, self.musl)
        return self


def parse(text):
    """NAME=PATH[,VARIABLE=VALUE]..."""
    name, equals, rest = text.partition("=")
    path, *variables = rest.split(",")
    if not name or not equals or not path or any("=" not in v for v in variables):
        wrong(f"--peer {text}: NAME=PATH[,VARIABLE=VALUE]... is wanted")
    if not os.path.exists(path):
        wrong(f"--peer {text}: there is no {path}")
    return Peer(name, os.path.abspath(path), dict(v.split("=", 1) for v in variables))


def libc_path():
    """Our own C library; it is preloaded since some programs bring another malloc."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            if line.rstrip().endswith("/libc.so.6"):
                return line.split()[-1]
    return None


def huge_pages_by_default(peer):
    """mimalloc asks for huge pages; it runs once more with that turned off."""
    with open(peer.path, "rb") as library:
        return b"allow_thp" in library.read() and "MIMALLOC_ALLOW_THP" not in peer.env


def collect(args, build):
    """All peers in the order of their columns, ours first."""
    given = [parse(text) for text in args.peer]
    names = {peer.name for peer in given}
    out = []

    ours = args.plat or f"{build}/src/alloc/libplat-malloc.so.1"
    if os.path.exists(ours):
        out.append(Peer(OURS, os.path.abspath(ours)))
    elif args.plat:
        wrong(f"--plat {ours}: there is no such file")
    out.append(Peer("glibc", libc_path()))
    if os.path.exists(f"{build}/bench/malloc.d/work.musl"):
        out.append(Peer("musl", musl=True))
    if not args.no_found:
        for name, pattern in FOUND:
            paths = sorted(glob.glob(pattern))
            if paths and name not in names:
                given.append(Peer(name, os.path.realpath(paths[-1])))
    for peer in given:
        out.append(peer)
        if huge_pages_by_default(peer):
            out.append(peer.with_env(f"{peer.name}-nothp", MIMALLOC_ALLOW_THP="0"))
    if args.only:
        wanted = args.only.split(",")
        for name in wanted:
            if name not in [peer.name for peer in out]:
                wrong(f"--only: there is no peer {name}")
        out = [peer for peer in out if peer.name in wanted]
    return out


def rivals(peers):
    """Everybody but us."""
    return [name for name in peers if name != OURS]
