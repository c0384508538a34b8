"""A folder with several cameras of each take, from its files to its report."""

from pathlib import Path

import pytest
from command_line import CommandLine
from media_factory import make_tone, write_video


@pytest.mark.slow
def test_a_folder_of_five_cameras_becomes_a_data_set(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "clips"
    home.mkdir()
    run = CommandLine(home)
    cameras = ("ego", "exo1", "exo2", "exo3", "exo4")
    for index, take in enumerate(("brew", "chop", "wash")):
        (root / take).mkdir(parents=True)
        (root / f"{take}.txt").write_text(f"someone does: {take}")
        for number, camera in enumerate(cameras):
            if (take, camera) != ("chop", "exo2"):
                path = root / take / f"{camera}.mp4"
                write_video(path, seed=10 * index + number, seconds=0.5, waveform=make_tone(0.5))
    created = run("data", "init", str(root))
    assert created.returncode == 0, created.stderr
    assert created.stdout.splitlines() == [
        f"{root}/clips.csv: 11 pairs (4 train, 4 val, 3 test)",
        "files by camera, of 3 activities: ego 3, exo1 3, exo2 2, exo3 3, exo4 3",
    ]
    report = run("data", "doctor", f"folder:path={root}").stdout
    assert "Usable clips by view, each counted once: ego 3 of 3, exo 11 of 11\n" in report
    assert "  exo2: 2 of 2 usable, missing in 1 of 3 takes\n" in report
    assert "  exo3: 3 of 3 usable\n" in report
    assert "A run can start." in report
    scored = run(
        "run", "--method", "logmel-neighbor", "--dataset", f"folder:path={root}", "--task", "ex2eg",
        "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
