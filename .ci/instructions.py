"""Counts instructions of what every turn does, and compares them with `.ci/instructions.json`.

`python3 .ci/instructions.py BENCHMARK` fails if a figure is more than 5 % above the committed one;
`--update` writes the file. A figure is the difference between two runs, so that the start of the
program does not count. Figures hold for one compiler and one set of dependencies: after a change of
either, look at them once more and commit the new ones.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

BASELINE = pathlib.Path(__file__).with_suffix(".json")
# How often each is done more in the second run than in the first.
TIMES = {"read_chunk": 2000, "fold_chunk": 2000, "write_frame": 2000, "check_request": 400, "load_thread": 100}
MAX_WORSE = 1.05


def counted(benchmark, name, times):
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", benchmark]
        done = subprocess.run(
            [*command, "instructions", name, str(times)], capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{name} failed:\n{done.stdout}{done.stderr}")
        line = next(line for line in done.stderr.splitlines() if "Collected :" in line)
        return int(line.split(":")[1])


def figure(benchmark, name, times):
    return round((counted(benchmark, name, 2 * times) - counted(benchmark, name, times)) / times)


def main():
    benchmark = sys.argv[1]
    figures = {name: figure(benchmark, name, times) for name, times in TIMES.items()}
    if "--update" in sys.argv:
        BASELINE.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    worse = 0
    for name, now in figures.items():
        before = baseline[name]
        is_worse = now > before * MAX_WORSE
        worse += is_worse
        print(f"{name:<16} {before:>9} -> {now:>9} instructions  {now / before - 1:+.1%}{'  WORSE' if is_worse else ''}")
    if worse:
        sys.exit(f"{worse} of {len(figures)} are more than 5 % worse; make them better, or say why and use --update")


if __name__ == "__main__":
    main()
