"""Times `site build` for many runs, and the size of what it writes.

    python benchmarks/site.py runs --runs 100 --rounds 5

Records of the folder ``runs`` are copied under other ids and names of methods until there are as
many as requested; the copies have the files of their originals but for embeddings. Each round is a
process of its own. Seconds are those of its processor, so that other load counts little.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from egoexobench.records.artifacts import EMBEDDINGS_SUFFIX
from egoexobench.records.own_checksum import format_with_checksum
from egoexobench.records.schema import Artifact, Record
from egoexobench.records.store import find_records, read_record

CODE = """
import sys, time
start = time.process_time()
import egoexobench.site.build, egoexobench.site.inputs
from pathlib import Path
imported = time.process_time()
inputs = egoexobench.site.inputs.load_site_inputs([Path(sys.argv[1])])
loaded = time.process_time()
assert not inputs.problems, inputs.problems[:2]
files = egoexobench.site.build.render_site(inputs)
rendered = time.process_time()
egoexobench.site.build.write_site(files, Path(sys.argv[2]))
assert "torch" not in sys.modules
print(imported - start, loaded - imported, rendered - loaded, time.process_time() - rendered)
"""
STAGES = ("imports", "load", "render", "write")


def copy_run(path: Path, number: int, folder: Path) -> None:
    """Write a run again, under another id and as another method."""
    record = read_record(path)
    name = f"{record.id}-{number}"
    artifacts = []
    for artifact in record.artifacts:
        if artifact.file.endswith(EMBEDDINGS_SUFFIX):
            continue
        file = folder / artifact.file.replace(record.id, name)
        file.write_bytes(path.with_name(artifact.file).read_bytes())
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        artifacts.append(Artifact(file=file.name, sha256=digest))
    names = dict.fromkeys(("name", "spec", "fingerprint"), f"method-{number}")
    method = record.method.model_copy(update=names)
    fields = {
        "id": name,
        "method": method,
        "command": (),
        "artifacts": tuple(artifacts),
        "checksum": None,
    }
    copy = Record.model_validate(record.model_copy(update=fields))
    (folder / f"{name}.json").write_text(format_with_checksum(copy, indent=2))


def measure_build(runs: Path, out: Path) -> list[float]:
    """Return the seconds of each stage in a process of its own."""
    command = [sys.executable, "-c", CODE, str(runs), str(out)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(text) for text in result.stdout.split()]


def main() -> None:
    """Copy the records, build the site and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder of records")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sources = find_records(options.source)
    with tempfile.TemporaryDirectory() as name:
        runs, out = Path(name, "runs"), Path(name, "site")
        runs.mkdir()
        for number, path in enumerate(islice(cycle(sources), options.runs)):
            copy_run(path, number, runs)
        rounds = [measure_build(runs, out) for _ in range(options.rounds)]
        sizes = {
            path.relative_to(out).as_posix(): path.stat().st_size
            for path in out.rglob("*")
            if path.is_file()
        }
    for stage, seconds in zip(STAGES, zip(*rounds, strict=True), strict=True):
        print(f"{stage:8} {median(seconds):6.2f} s")
    after = [sum(stages[1:]) for stages in rounds]
    print(f"{'build':8} {median(after):6.2f} s after imports, best {min(after):.2f} s")
    own = sum(size for path, size in sizes.items() if re.match(r"static/", path))
    print(f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.2f} MB; scripts and styles {own} bytes")
    print(f"index.html {sizes['index.html'] / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
