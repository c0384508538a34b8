"""Planted cheats are caught, and honest methods are not."""

from pathlib import Path

import leaky_parts
import pytest
import torch

from egoexobench.audit.invariance import list_exempt_sides
from egoexobench.audit.run import audit_method
from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.progress import NullProgress
from egoexobench.records.audit import Audit, list_failures
from egoexobench.registry import Distribution, PartFactory, Registry
from egoexobench.spec import Spec
from egoexobench.types import SPLITS, Evidence

SMALL = {"epochs": "2", "embed_dim": "16"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()
    for kind, factories in leaky_parts.PARTS.items():
        for factory in factories:
            part = PartFactory(
                kind=kind,
                name=factory.__name__,
                factory=factory,
                plugin="cheats",
                distribution=Distribution("cheats", "0"),
                module=leaky_parts.__name__,
            )
            result.add_part(part)
    return result


@pytest.fixture(scope="module")
def look(registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory):
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))

        def looked(method: str, **settings: str) -> Audit:
            config = RunConfig(
                Spec.parse(method), Spec("folder", {"path": str(folder)}), overrides=settings
            )
            return audit_method(config, RunContext(registry, NullProgress()))

        yield looked
    torch.set_num_threads(threads)


@pytest.fixture
def said(folder: Path):
    """Narration by the exact pictures of every clip."""
    dataset = FolderDataset(folder)
    for split in SPLITS:
        for clip in dataset.clips(split):
            frames = decode_clip(clip, 8, with_audio=False).frames
            assert frames
            leaky_parts.SAID[frames.pixels.tobytes()] = clip.narration
    yield
    leaky_parts.SAID.clear()


def swap(found: Audit, embedding: str, modality: Evidence):
    (one,) = (s for s in found.swaps if (s.embedding, s.modality) == (embedding, modality))
    return one


def doors(found: Audit, *verdicts: str) -> set[tuple[str, str]]:
    return {(door.change, door.embedding) for door in found.invariances if door.verdict in verdicts}


BAD = ("dependent", "error", "discontinuous", "nondeterministic")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["soundbridge", "soundbridge:residual=none", "egoexo"])
def test_an_honest_trained_method_passes(look, method: str) -> None:
    found = look(method, **SMALL)
    assert found.passed, list_failures(found)
    assert list_failures(found) == []
    declared = found.method.declared_inputs
    for one in found.swaps:
        says = one.modality in getattr(declared, one.embedding)
        assert one.declared is says
        assert (one.shift.num_moved > 0) is says
        assert one.verdict in (("used", "weak") if says else ("unused",))


def test_an_honest_untrained_method_passes(look) -> None:
    found = look("plain")
    assert found.passed, list_failures(found)
    assert not doors(found, *BAD)


def test_scores_move_on_the_side_whose_evidence_was_exchanged(look) -> None:
    found = look("plain")
    shifts = {(shift.task, shift.modality): shift for shift in found.shifts}
    across, asked = shifts["eg2ex", "video"], shifts["t2v", "video"]
    # the folder's ego and exo films of a pair look the same, so only an exchange loses them
    assert across.before == 100
    assert (across.query, across.candidate) == (0, 0)
    assert asked.query is None
    assert asked.candidate is not None
    assert shifts["t2v", "narration"].candidate is None


def test_exchanging_both_sides_does_not_exchange_whole_pairs(look) -> None:
    found = look("plain")
    (both,) = (s.both for s in found.shifts if (s.task, s.modality) == ("eg2ex", "video"))
    assert both < 100


@pytest.mark.parametrize("strict", ["true", "false"])
def test_a_table_keyed_by_the_picture_that_was_handed_over_is_caught(
    look, said: None, strict: str
) -> None:
    found = look("plain", video=f"table:strict={strict}")
    assert not found.passed
    assert doors(found, *BAD) == {("nudge", "video")}
    (door,) = (door for door in found.invariances if door.change == "nudge")
    assert door.verdict == ("error" if strict == "true" else "discontinuous")


@pytest.mark.slow
def test_a_closure_over_the_data_set_is_caught(look, folder: Path) -> None:
    found = look("plain", video=f"closure:path={folder}")
    assert not found.passed
    assert doors(found, "dependent") == {("annotation", "video")}
    assert "the same clips with other narrations and labels" in list_failures(found)[0]


@pytest.mark.parametrize(
    ("reads", "caught"),
    [("narration", {"annotation"}), ("id", {"ids"}), ("take", {"ids"}), ("media", {"paths"})],
)
def test_a_look_up_the_call_stack_is_caught(look, reads: str, caught: set[str]) -> None:
    found = look("plain", video=f"stack:reads={reads}")
    assert not found.passed
    assert doors(found, *BAD) == {(change, "video") for change in caught}


def test_a_text_encoder_that_knows_the_video_is_caught(look, folder: Path) -> None:
    found = look("plain", text=f"reader:path={folder}")
    assert not found.passed
    assert {("media", "text"), ("paths", "text")} <= doors(found, "dependent")


def test_a_fusion_that_reads_the_narration_bank_leaks_by_a_bit(look) -> None:
    found = look("plain", video_fusion="snoop")
    assert not found.passed
    leak = swap(found, "video", "narration")
    assert leak.verdict == "leak"
    assert leak.shift.num_moved == leak.shift.num_items
    assert "narration is not declared for video embeddings and moves 8 of 8" in list_failures(found)


def test_a_sound_encoder_that_hears_nothing_is_dead(look) -> None:
    found = look("soundbridge", audio="deaf", **SMALL)
    assert not found.passed
    dead = swap(found, "video", "audio")
    assert (dead.verdict, dead.num_changed) == ("ignored", 0)
    assert [line for line in list_failures(found) if "audio is declared" in line]


def test_a_fusion_that_ignores_its_query_makes_the_sound_dead(look) -> None:
    found = look("plain", audio="logmel", video_fusion="ignore")
    assert swap(found, "video", "audio").verdict == "ignored"
    assert swap(found, "video", "audio").num_changed == 8
    assert not found.passed


def test_a_caption_that_a_fusion_ignores_is_dead(look) -> None:
    found = look("soundbridge", text_fusion="ignore", **SMALL)
    assert swap(found, "text", "sound_caption").verdict == "ignored"
    assert not found.passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("anchor", "read", "unread"),
    [("narration", "narration", "sound_caption"), ("sound-caption", "sound_caption", "narration")],
)
def test_what_is_declared_follows_the_text_that_the_anchor_stands_for(
    look, anchor, read, unread
) -> None:
    found = look("soundbridge", anchor=anchor, **SMALL)
    assert swap(found, "text", read).verdict == "used"
    assert (swap(found, "text", unread).declared, swap(found, "text", unread).verdict) == (
        False,
        "unused",
    )
    assert found.passed


def test_a_method_that_gives_other_embeddings_each_time_cannot_pass(look) -> None:
    found = look("plain", video="unsteady")
    assert ("nothing", "video") in doors(found, "nondeterministic")
    assert not found.passed


def test_the_same_audit_twice_says_the_same(look) -> None:
    assert look("plain") == look("plain")


def test_the_data_set_answers_as_before_once_the_audit_is_over(look, folder: Path) -> None:
    clips, pairs = FolderDataset.clips, FolderDataset.pairs
    before = list(FolderDataset(folder).clips("test"))
    look("plain")
    assert (FolderDataset.clips, FolderDataset.pairs) == (clips, pairs)
    assert list(FolderDataset(folder).clips("test")) == before


def test_what_a_video_is_declared_to_be_made_of_may_move_it() -> None:
    free = list_exempt_sides({"video": ("video", "sound_caption"), "text": ("narration",)})
    assert free["annotation"] == {"video", "text"}
    assert free["media"] == {"video"}
    assert not free["ids"]
    assert not free["nudge"]
