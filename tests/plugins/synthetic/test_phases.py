import numpy as np
import pytest
from tiny_config import make_config

from egoexobench.data.decode import decode_clip
from egoexobench.progress import NullProgress
from egoexobench_plugins.synthetic.dataset import SyntheticDataset
from egoexobench_plugins.synthetic.phases import PHASES, label_frames
from egoexobench_plugins.synthetic.script import Event
from egoexobench_plugins.synthetic.timeline import TimedEvent, Timeline


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SyntheticDataset:
    dataset = SyntheticDataset(make_config(), tmp_path_factory.mktemp("synthetic"))
    dataset.prepare(NullProgress())
    return dataset


def test_a_frame_has_a_phase_while_the_film_shows_an_object(dataset: SyntheticDataset) -> None:
    labels = {item.clip_id: item for item in dataset.list_frame_labels("test")}
    clips = dataset.clips("test")
    assert labels.keys() == {clip.id for clip in clips}
    for clip in clips:
        decoded = decode_clip(clip, 1, with_audio=False, sampling="every")
        assert decoded.frames is not None
        np.testing.assert_allclose(decoded.frames.times, labels[clip.id].times, atol=1e-6)
        pixels = decoded.frames.pixels.astype(int)
        # only objects have saturated colors
        chroma = (pixels.max(-1) - pixels.min(-1)).reshape(len(pixels), -1)
        has_object = (chroma > 110).mean(1) > 0.004
        np.testing.assert_array_equal(has_object, labels[clip.id].phases >= 0)


def test_both_clips_of_a_pair_are_of_one_activity(dataset: SyntheticDataset) -> None:
    labels = {item.clip_id: item for item in dataset.list_frame_labels("train")}
    pairs = dataset.pairs("train")
    for pair in pairs:
        assert labels[pair.ego.id].activity == labels[pair.exo.id].activity
    assert len({item.activity for item in labels.values()}) == len(pairs)


def test_the_phase_is_the_motion_of_the_event_that_the_view_shows() -> None:
    config = make_config(seconds=2.0, fps=4)
    events = [
        TimedEvent(Event("pour", "jar"), 0.0, 0.5, visible=True, audible=True),
        TimedEvent(Event("mix", "pan"), 0.75, 1.25, visible=False, audible=True),
        TimedEvent(Event("fill", "cup"), 1.25, 1.75, visible=True, audible=True),
    ]
    phases = label_frames(Timeline("ego", "garage", tuple(events)), config).tolist()
    tilt = PHASES.index("tilt")  # pour and fill look the same
    assert phases == [tilt, tilt, -1, -1, -1, tilt, tilt, -1]


def test_labels_depend_on_no_other_pair() -> None:
    few = SyntheticDataset(make_config(test=4)).list_frame_labels("test")
    many = SyntheticDataset(make_config(test=8)).list_frame_labels("test")
    assert {item.phases.tobytes() for item in few} < {item.phases.tobytes() for item in many}
