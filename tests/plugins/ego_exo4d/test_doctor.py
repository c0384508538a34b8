"""What `data doctor` finds out about the cameras of `ego-exo4d`."""

from pathlib import Path

import pytest
from ego_exo4d_root import write_ego_exo4d_root, write_media

from egoexobench.data.doctor.check_dataset import inspect_dataset
from egoexobench.data.doctor.report import format_report
from egoexobench.progress import NullProgress
from egoexobench.spec import Spec
from egoexobench_plugins.ego_exo4d import ego_exo4d


@pytest.mark.slow
def test_the_doctor_counts_which_cameras_have_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    root = write_ego_exo4d_root(tmp_path / "set", num_train=1, num_val=4, num_segments=2)
    # captures.json says of all cameras that they have sound
    write_media(root, silent_exo=["val01", "val02", "val03"])
    (root / "takes/train00/frame_aligned_videos/downscaled/448/cam02.mp4").unlink()
    dataset = ego_exo4d(root=root)
    report = inspect_dataset(Spec.parse("ego-exo4d"), dataset, ego_exo4d, NullProgress())
    counts = {view.name: (view.num_usable, view.num_without_sound) for view in report.views}
    assert counts == {"ego": (10, 0), "exo": (8, 6)}
    cameras = {view.name: (view.num_usable, view.num_without_sound) for view in report.cameras}
    assert cameras == {"aria01": (10, 0), "cam02": (8, 6)}
    lines = list(format_report(report))
    assert "  without sound: ego 0 of 10 (0.0 %), exo 6 of 8 (75.0 %)" in lines
    assert "    annotations/keystep_train.json, take uid-train00, segment 0: clip " in "\n".join(
        lines
    )
