"""An audit finds the leaks of the parts of `leaky_parts`, and honest methods pass."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import leaky_parts
import pytest
import torch
from fake_parts import make_part

from egoexobench.audit.invariance import list_exempt_sides
from egoexobench.audit.run import audit_method
from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.progress import NullProgress
from egoexobench.records.audit import Audit, list_failures
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import SPLITS, Evidence

SMALL_SETTINGS = {"epochs": "2", "embed_dim": "16"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()
    hooks: dict[str, Callable] = {
        "captioner": leaky_parts.register_captioners,
        "encoder": leaky_parts.register_encoders,
        "fusion": leaky_parts.register_fusions,
        "method": leaky_parts.register_methods,
    }
    for kind, hook in hooks.items():
        hook(partial(add_part, result, kind))
    return result


def add_part(registry: Registry, kind: str, name: str, factory: Callable) -> None:
    part = make_part(kind, name, factory, plugin="leaky", version="0", module=leaky_parts.__name__)
    registry.add_part(part)


@pytest.fixture(scope="module")
def audit(registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory):
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))

        def run_audit(method: str, **settings: str) -> Audit:
            config = RunConfig(
                Spec.parse(method), Spec("folder", {"path": str(folder)}), overrides=settings
            )
            return audit_method(config, RunContext(registry, NullProgress()))

        yield run_audit
    torch.set_num_threads(threads)


@pytest.fixture
def narrations_by_frames(folder: Path):
    """Fill the narrations that `narration-lookup` reads."""
    dataset = FolderDataset(folder)
    for split in SPLITS:
        for clip in dataset.clips(split):
            frames = decode_clip(clip, 8, with_audio=False).frames
            assert frames
            leaky_parts.NARRATIONS[frames.pixels.tobytes()] = clip.narration
    yield
    leaky_parts.NARRATIONS.clear()


def find_swap(result: Audit, embedding: str, modality: Evidence):
    (match,) = (s for s in result.swaps if (s.embedding, s.modality) == (embedding, modality))
    return match


def list_invariances(result: Audit, *verdicts: str) -> set[tuple[str, str]]:
    return {
        (check.change, check.embedding) for check in result.invariances if check.verdict in verdicts
    }


FAILED_VERDICTS = ("dependent", "error", "discontinuous", "nondeterministic")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["soundbridge", "soundbridge:residual=none", "egoexo"])
def test_an_honest_trained_method_passes(audit, method: str) -> None:
    result = audit(method, **SMALL_SETTINGS)
    assert result.passed, list_failures(result)
    assert list_failures(result) == []
    declared = result.method.declared_inputs
    for swap in result.swaps:
        is_declared = swap.modality in getattr(declared, swap.embedding)
        assert swap.declared is is_declared
        assert (swap.shift.num_moved > 0) is is_declared
        assert swap.verdict in (("used", "weak") if is_declared else ("unused",))


@pytest.mark.slow
@pytest.mark.parametrize("query", [{}, {"video_query": "sound_caption", "audio": "none"}])
def test_texts_made_of_what_is_said_declare_the_sound(audit, query: dict[str, str]) -> None:
    """The audit finds that other sound moves the text, and its files are not read beside."""
    result = audit("soundbridge", captioner="listener", **query, **SMALL_SETTINGS)
    assert result.passed, list_failures(result)
    declared = result.method.declared_inputs
    assert (declared.video, declared.text) == (("video", "audio"), ("narration", "audio"))
    assert find_swap(result, "text", "audio").verdict in ("used", "weak")
    assert find_swap(result, "video", "audio").verdict in ("used", "weak")
    assert find_swap(result, "text", "sound_caption").verdict == "unused"
    assert not list_invariances(result, *FAILED_VERDICTS)
    (part,) = (part for part in result.method.parts if part.role == "captioner")
    assert part.reads == "audio"


def test_an_honest_untrained_method_passes(audit) -> None:
    result = audit("untrained")
    assert result.passed, list_failures(result)
    assert not list_invariances(result, *FAILED_VERDICTS)


def test_scores_change_on_the_side_whose_inputs_were_swapped(audit) -> None:
    result = audit("untrained")
    shifts = {(shift.task, shift.modality): shift for shift in result.shifts}
    ego_to_exo, text_to_video = shifts["eg2ex", "video"], shifts["t2v", "video"]
    # the ego and exo videos of a pair look the same, so only a swap changes the rank
    assert ego_to_exo.before == 100
    assert (ego_to_exo.query, ego_to_exo.candidate) == (0, 0)
    assert text_to_video.query is None
    assert text_to_video.candidate is not None
    assert shifts["t2v", "narration"].candidate is None


def test_swapping_both_sides_does_not_swap_complete_pairs(audit) -> None:
    result = audit("untrained")
    (both,) = (s.both for s in result.shifts if (s.task, s.modality) == ("eg2ex", "video"))
    assert both < 100


@pytest.mark.parametrize("strict", ["true", "false"])
def test_a_lookup_of_the_narration_by_exact_frames_is_caught(
    audit, narrations_by_frames: None, strict: str
) -> None:
    result = audit("untrained", video=f"narration-lookup:strict={strict}")
    assert not result.passed
    assert list_invariances(result, *FAILED_VERDICTS) == {("nudge", "video")}
    (check,) = (check for check in result.invariances if check.change == "nudge")
    assert check.verdict == ("error" if strict == "true" else "discontinuous")


@pytest.mark.slow
def test_a_closure_over_the_data_set_is_caught(audit, folder: Path) -> None:
    result = audit("untrained", video=f"dataset-closure:path={folder}")
    assert not result.passed
    assert list_invariances(result, "dependent") == {("annotation", "video"), ("files", "video")}
    assert {"opens clips.jsonl", "calls clips() of the data set"} <= set(result.accesses)
    assert "the same clips with other narrations and labels" in list_failures(result)[0]


@pytest.mark.parametrize(
    ("reads", "changes"),
    [
        ("narration", {"annotation"}),
        ("id", {"ids"}),
        ("take", {"ids"}),
        ("media", {"paths", "files"}),
    ],
)
def test_an_encoder_that_reads_the_call_stack_is_caught(
    audit, reads: str, changes: set[str]
) -> None:
    result = audit("untrained", video=f"stack-reader:reads={reads}")
    assert not result.passed
    assert list_invariances(result, *FAILED_VERDICTS) == {(change, "video") for change in changes}


def test_a_text_encoder_that_reads_the_video_is_caught(audit, folder: Path) -> None:
    result = audit("untrained", text=f"video-reader:path={folder}")
    assert not result.passed
    assert {("media", "text"), ("paths", "text")} <= list_invariances(result, "dependent")


def test_a_fusion_that_reads_the_narration_bank_is_a_leak(audit) -> None:
    result = audit("untrained", video_fusion="bank-reader")
    assert not result.passed
    leak = find_swap(result, "video", "narration")
    assert leak.verdict == "leak"
    assert leak.shift.num_moved == leak.shift.num_items
    assert "narration is not declared for video embeddings and moves 8 of 8" in list_failures(
        result
    )


def test_audio_is_ignored_if_its_encoder_is_constant(audit) -> None:
    result = audit("soundbridge", audio="constant-audio", **SMALL_SETTINGS)
    assert not result.passed
    audio_swap = find_swap(result, "video", "audio")
    assert (audio_swap.verdict, audio_swap.num_changed) == ("ignored", 0)
    assert [line for line in list_failures(result) if "audio is declared" in line]


def test_audio_is_ignored_if_the_fusion_ignores_its_query(audit) -> None:
    result = audit("untrained", audio="logmel", video_fusion="ignored-query")
    assert find_swap(result, "video", "audio").verdict == "ignored"
    assert find_swap(result, "video", "audio").num_changed == 8
    assert not result.passed


def test_a_sound_caption_is_ignored_if_the_fusion_ignores_it(audit) -> None:
    result = audit("soundbridge", text_fusion="ignored-query", **SMALL_SETTINGS)
    assert find_swap(result, "text", "sound_caption").verdict == "ignored"
    assert not result.passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("anchor", "read", "unread"),
    [("narration", "narration", "sound_caption"), ("sound-caption", "sound_caption", "narration")],
)
def test_the_declared_text_is_the_text_of_the_anchor(audit, anchor, read, unread) -> None:
    result = audit("soundbridge", anchor=anchor, **SMALL_SETTINGS)
    assert find_swap(result, "text", read).verdict == "used"
    assert (
        find_swap(result, "text", unread).declared,
        find_swap(result, "text", unread).verdict,
    ) == (
        False,
        "unused",
    )
    assert result.passed


def test_a_nondeterministic_method_cannot_pass(audit) -> None:
    result = audit("untrained", video="noisy-color")
    assert ("nothing", "video") in list_invariances(result, "nondeterministic")
    assert not result.passed


def test_the_same_audit_twice_gives_the_same_result(audit) -> None:
    assert audit("untrained") == audit("untrained")


def test_an_audit_does_not_change_the_class_of_the_data_set(audit, folder: Path) -> None:
    clips, pairs = FolderDataset.clips, FolderDataset.pairs
    before = list(FolderDataset(folder).clips("test"))
    audit("untrained")
    assert (FolderDataset.clips, FolderDataset.pairs) == (clips, pairs)
    assert list(FolderDataset(folder).clips("test")) == before


def test_declared_inputs_are_exempt_from_the_checks() -> None:
    exempt = list_exempt_sides({"video": ("video", "sound_caption"), "text": ("narration",)})
    assert exempt["annotation"] == {"video", "text"}
    assert exempt["media"] == {"video"}
    assert not exempt["ids"]
    assert not exempt["nudge"]
