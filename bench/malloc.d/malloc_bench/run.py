"""One run of a program: through `launch`, which measures; again if others used the processor."""
import os
import subprocess
import sys
import tempfile
import threading

# What others may use of the processors' time; above, the sample is taken again. Programs with one
# thread are judged by processor time, which others lengthen only by what they do to the caches.
FOREIGN_SEVERAL, FOREIGN_ONE = 0.06, 0.25
SLACK = 15e6  # ns; the kernel counts others' time in ticks


class Failure(Exception):
    """A program did not do its work with this library."""


class Sample:
    """What a run cost. Times in seconds, memory in KiB; output is what the program printed."""

    def __init__(self, text, output, ncpus):
        fields = dict(word.split("=") for word in text.split())
        self.status = int(fields["status"])
        self.seconds = int(fields["wall"]) / 1e9
        self.cpu = (int(fields["user"]) + int(fields["sys"])) / 1e9
        self.rss, self.faults = int(fields["rss"]), int(fields["minflt"])
        self.vmas, self.cal = int(fields["vmas"]), int(fields["cal"])
        self.output = output
        wall = int(fields["wall"]) * ncpus
        self.foreign = max(int(fields["foreign"]) - SLACK, 0) / wall if wall else 0

    def said(self, name):
        """The number after a name in the output, or None."""
        for line in self.output.splitlines():
            word, _, rest = line.partition(" ")
            if word == name:
                return float(rest)
        return None


class Machine:
    """The build's programs, a folder for what runs leave behind, and the processors."""

    def __init__(self, build, repeats, threads):
        self.tools = os.path.abspath(f"{build}/bench/malloc.d")
        self.folder = tempfile.TemporaryDirectory(prefix="bench-malloc-")
        self.cpus = sorted(os.sched_getaffinity(0))
        self.threads = threads or max(2, min(len(self.cpus), 8))
        self.repeats = repeats
        self.nrepeated = self.nruns = 0

    def tool(self, name):
        return f"{self.tools}/{name}"

    def path(self, name):
        return f"{self.folder.name}/{name}"

    def cpus_for(self, nthreads):
        """The last ones: the first serves most interrupts."""
        return self.cpus[-min(nthreads, len(self.cpus)):]

    def once(self, command, env, cpus, runs=1, seconds=60, look=False, calibrate=True, cwd=None):
        # a server and its client run side by side
        out = self.path(f"output-{threading.get_ident()}")
        arguments = [self.tool("launch"), "-c", ",".join(map(str, cpus)), "-r", str(runs),
                     "-s", str(seconds), "-o", out]
        arguments += ["-m"] * look + ["-k"] * calibrate
        for name, value in env.items():
            arguments += ["-e", f"{name}={value}"]
        done = subprocess.run([*arguments, "--", *command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, cwd=cwd, check=False)
        if done.returncode < 0 or done.returncode > 128:
            raise KeyboardInterrupt
        if done.returncode:
            sys.exit(f"bench/malloc: launch: {done.stderr.strip()}")
        with open(out, encoding="utf-8", errors="replace") as file:
            return Sample(done.stdout, file.read(), len(cpus))

    def run(self, command, env, nthreads=1, **options):
        """The best of some tries, if others were at work; raises Failure if the program fails."""
        best, most = None, FOREIGN_ONE if nthreads == 1 else FOREIGN_SEVERAL
        for _ in range(1 + self.repeats):
            sample = self.once(command, env, self.cpus_for(nthreads), **options)
            self.nruns += 1
            if sample.status:
                raise Failure(reason(sample))
            if best is None or sample.foreign < best.foreign:
                best = sample
            if sample.foreign <= most:
                break
            self.nrepeated += 1
        return best

    def work(self, peer, name, n, nthreads=1, **options):
        """A workload of ours with a library: for musl, in a program of its own."""
        env = peer.environment()
        if options.pop("vmas", False):
            env["BENCH_VMAS"] = "1"
        program = self.tool("work.musl" if peer.musl else "work")
        return self.run([program, name, str(n), str(nthreads)], env, nthreads, **options)


def reason(sample):
    if sample.status == 128 + 9:
        return "slow"
    if "failed" in sample.output:
        return "fail"
    return f"exit {sample.status}" if sample.status < 128 else f"sig {sample.status - 128}"
