#!/usr/bin/env python3
"""no_rights.py [--maps] PID COMMAND...: what plat shows of a process to one who may not look.

COMMAND is plat with what takes its rights away. The figures of status are to be there; what is hidden
is to be null with a reason. With --maps the ranges are visible, but the pages are not.
"""
import json
import subprocess
import sys


def main():
    arguments = sys.argv[1:]
    maps = arguments[0] == "--maps"
    pid, *command = arguments[1:] if maps else arguments
    run = subprocess.run(command + ["map", "--json", pid], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, check=False)
    wrong = []
    if run.returncode != 2:
        wrong.append(f"exit {run.returncode}: {run.stderr}")
    document = json.loads(run.stdout)
    totals, regions = document["totals"], document["regions"]
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    for key, name in (("vm_size", "VmSize"), ("vm_rss", "VmRSS"), ("vm_data", "VmData")):
        if totals[key] != int(status[name].split()[0]) * 1024:
            wrong.append(f"{key} is {totals[key]}, {name} {status[name]}")
    if not document["unknown"]:
        wrong.append("no word of what is unknown")
    if totals["rss"] is not None or not totals.get("rss_why"):
        wrong.append(f"totals.rss is {totals['rss']}, why {totals.get('rss_why')}")
    if not maps:
        if regions:
            wrong.append(f"{len(regions)} regions, although maps is hidden")
        for where, key in ((document, "regions"), (document, "gaps"), (totals, "size")):
            if where[key] is not None or not where.get(key + "_why"):
                wrong.append(f"{key} is {where[key]}, why {where.get(key + '_why')}")
    else:
        with open(f"/proc/{pid}/maps") as file:
            ranges = [line.split()[0].split("-") for line in file]
        starts, ends = {r["start"] for r in regions}, {r["end"] for r in regions}
        for start, end in ranges:
            if f"0x{int(start, 16):x}" not in starts or f"0x{int(end, 16):x}" not in ends:
                wrong.append(f"{start}-{end} is not there")
        for region in regions:
            if region["rss"] is not None or not region.get("rss_why"):
                wrong.append(f"{region['start']}: rss is {region['rss']}")
        if "text" not in {r["kind"] for r in regions}:
            wrong.append("no text, although the files can be read by everybody")
    print("\n".join(wrong) if wrong else "as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
