"""SoundBridge as the paper writes it, and as its code was released."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from egoexobench.experiment import build
from egoexobench.experiment.build import ResolvedMethod
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.method import list_declared_inputs
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import Tokens
from egoexobench_plugins.soundbridge_released import soundbridge_released_video

REGISTRY = Registry()


def build_method(spec: str, seed: int = 0) -> tuple[ResolvedMethod, EmbeddingModel]:
    resolved = build.resolve_method(REGISTRY, REGISTRY.create("method", spec, "paper"), seed)
    return resolved, build.build_model(build.build_parts(resolved))


def get_module(model: EmbeddingModel, role: str) -> nn.Module:
    result = model.encoders[role]
    assert isinstance(result, nn.Module)
    return result


def make_published_state(model: EmbeddingModel) -> dict[str, Tensor]:
    """The state of a complete released network with its published names."""
    names = {"projection.weight": "image_projection"}
    video = {names.get(k, k): v for k, v in get_module(model, "video").state_dict().items()}
    text = {k.removeprefix("tower."): v for k, v in get_module(model, "text").state_dict().items()}
    heads = [fusion.state_dict() for fusion in model.fusions.values()]
    return video | text | {k: v for head in heads for k, v in head.items()}


def make_tokens(count: int, width: int, seed: int) -> Tokens:
    values = torch.randn(3, count, width, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.ones(3, count, dtype=torch.bool))


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return make_published_state(build_method("soundbridge-released:size=tiny", seed=5)[1])


@pytest.fixture
def weights(state: dict[str, Tensor], tmp_path: Path) -> Path:
    folder = tmp_path / "released, v=1"
    folder.mkdir()
    save_file({k: v.clone() for k, v in state.items()}, folder / "the weights.safetensors")
    return folder / "the weights.safetensors"


@pytest.mark.parametrize("variant", ["association", "retrieval", "cha"])
def test_a_released_checkpoint_is_shared_out_among_four_parts_and_nothing_is_trained(
    weights: Path, state: dict[str, Tensor], variant: str
) -> None:
    options = {"size": "tiny", "variant": variant, "weights": str(weights)}
    resolved, model = build_method(str(Spec("soundbridge-released", options)))
    result = make_published_state(model)
    assert result.keys() == state.keys()
    assert all(torch.equal(result[key], state[key]) for key in state)
    assert {"objective", "anchor", "audio"}.isdisjoint(resolved.parts)
    assert all(model.frozen.values())


def test_a_released_checkpoint_is_scored_without_any_sound(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    request = RunConfig(
        method=Spec("soundbridge-released", {"size": "tiny", "weights": str(weights)}),
        dataset=Spec.parse("synthetic:train=4,val=4,test=4,seconds=2,pixels=32"),
        tasks=("eg2ex", "t2v"),
        scale="paper",
        out=tmp_path / "runs",
    )
    record = run_experiment(request, RunContext(REGISTRY, NullProgress())).record
    assert record.checkpoint_selection is None
    assert record.method.declared_inputs.video == ("video", "sound_caption")
    assert {score.task for score in record.scores} == {"eg2ex", "t2v"}
    cut = '".../the weights.safetensors"'
    assert record.method.spec == f"soundbridge-released:size=tiny,weights={cut}"
    assert str(tmp_path) not in record.model_dump_json()


def test_in_training_the_released_model_hears_and_in_evaluation_it_reads() -> None:
    resolved, model = build_method("soundbridge-released:size=tiny")
    assert list_declared_inputs(resolved.method)["video"] == ("video", "sound_caption")
    torch.manual_seed(0)
    video = Tokens(torch.randn(3, 4, 32, 32, 3), torch.ones(3, 4, dtype=torch.bool))
    words = torch.randint(1, 400, (2, 3, 6), dtype=torch.int64)
    captions = [Tokens(ids, torch.ones(3, 6, dtype=torch.bool)) for ids in words]
    sounds = [make_tokens(9, model.encoders["audio"].dim, seed) for seed in (1, 2)]

    def embed(sound: Tokens, caption: Tokens | None) -> Tensor:
        torch.manual_seed(1)  # what dropout drops
        return model.embed_video("ego", video, sound, caption)

    model.train()
    assert not torch.allclose(embed(sounds[0], None), embed(sounds[1], None))
    model.eval()
    assert torch.equal(embed(sounds[0], captions[0]), embed(sounds[1], captions[0]))
    assert not torch.allclose(embed(sounds[0], captions[0]), embed(sounds[0], captions[1]))


def test_released_sound_is_features_while_training_and_an_embedding_after() -> None:
    fusions = {}
    for sound in ("released", "features", "embedding"):
        torch.manual_seed(0)
        fusions[sound] = soundbridge_released_video(16, sound=sound, audio_dim=24)
    video, features, embedding = make_tokens(1, 16, 0), make_tokens(5, 24, 1), make_tokens(1, 16, 2)
    outputs = {}
    for sound in ("released", "features"):
        torch.manual_seed(1)
        outputs[sound] = fusions[sound].train()(features, video)
    torch.testing.assert_close(outputs["released"], outputs["features"], rtol=0, atol=0)
    after = [fusions[sound].eval()(embedding, video) for sound in ("released", "embedding")]
    torch.testing.assert_close(*after, rtol=0, atol=0)


def test_the_papers_views_have_encoders_of_their_own_and_share_what_is_heard_and_read() -> None:
    resolved, model = build_method("soundbridge:size=tiny")
    ego, exo = (
        set(map(id, get_module(model, role).parameters())) for role in ("video", "video_exo")
    )
    assert ego.isdisjoint(exo)
    learnt = {id(weight) for weight in model.parameters() if weight.requires_grad}
    assert ego | exo | set(map(id, get_module(model, "text").parameters())) <= learnt
    assert learnt.isdisjoint(map(id, get_module(model, "audio").parameters()))
    assert set(model.fusions) == {"video-ego", "video-exo", "text"}
    assert {resolved.parts[role].options["heads"] for role in ("video_fusion", "text_fusion")} == {
        4
    }
    assert resolved.parts["objective"].options["temperature"] == 0.07
    assert resolved.method.embed_dim == 256
