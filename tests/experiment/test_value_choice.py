"""The open number of a fusion is the best one on the validation split, on planted data too."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fake_data import FakeDataset, make_pair
from fake_parts import PassThroughEncoder

from egoexobench.device import CPU
from egoexobench.errors import DataError, UsageError
from egoexobench.experiment.value_choice import choose_value
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.method import ZERO_SHOT_DEFAULTS, Method
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import HasOpenValue
from egoexobench.types import Modality
from egoexobench_plugins.unit_means import late
from egoexobench_plugins.unit_means.model import LateFusion

PAIRS = [make_pair(f"p{index}") for index in range(60)]
WIDTH = 16
ROLES: dict[str, Modality] = {
    "video": "video", "audio": "audio", "text": "text", "text_audio": "text",
}  # fmt: skip
METHOD = Method(
    **{
        name: getattr(ZERO_SHOT_DEFAULTS, name)
        for name in ZERO_SHOT_DEFAULTS.__dataclass_fields__
        if name not in ROLES
    },
    **dict.fromkeys(ROLES, "planted"),
)


def make_bank(names: list[str], noise: float, seed: int) -> FeatureBank:
    """A signal for each pair, the same in all banks of a sense, and noise for each item."""
    signal_rng, noise_rng = np.random.default_rng(seed), np.random.default_rng([seed, len(names)])
    signals = {pair.id: signal_rng.normal(size=WIDTH) for pair in PAIRS}
    rows = [
        (signals[name.partition("/")[0]] + noise * noise_rng.normal(size=WIDTH))[None]
        for name in names
    ]
    return FeatureBank(names, [FeatureRows(row.astype(np.float32), "decoded") for row in rows])


def make_features(video_noise: float, audio_noise: float) -> FeatureInputs:
    clips = [clip.id for pair in PAIRS for clip in (pair.ego, pair.exo)]
    texts = [pair.id for pair in PAIRS]
    return FeatureInputs(
        video=make_bank(clips, video_noise, 0),
        audio=make_bank(clips, audio_noise, 1),
        narration=make_bank(texts, video_noise, 0),
        text_audio=make_bank(texts, audio_noise, 1),
        caption=None,
    )


def make_model(weight: float | None = None) -> EmbeddingModel:
    encoders = {role: PassThroughEncoder(modality, WIDTH) for role, modality in ROLES.items()}

    def create() -> Any:
        return late(WIDTH, weight=weight)

    return EmbeddingModel(METHOD, encoders, video_fusion=create, text_fusion=create, seed=0)


def choose(model: EmbeddingModel, features: FeatureInputs, **changes: Any) -> Any:
    parts = SimpleNamespace(method=METHOD, objective=None, eval_text="sound_text", device=CPU)
    clips = [clip for pair in PAIRS for clip in (pair.ego, pair.exo)]
    inputs = SimpleNamespace(
        clips={"val": clips},
        pairs={"val": PAIRS},
        text_ids={"val": [pair.id for pair in PAIRS]},
        features=features,
    )
    for name, value in changes.items():
        setattr(parts if hasattr(parts, name) else inputs, name, value)
    record = SimpleNamespace(spec="planted")
    dataset = SimpleNamespace(dataset=FakeDataset(PAIRS), record=record, inputs=inputs)
    return choose_value(model, parts, dataset)


@pytest.mark.parametrize(
    ("video_noise", "audio_noise", "low", "high"),
    [(0.3, 1e4, 0.0, 0.1), (1e4, 0.3, 0.9, 1.0), (0.9, 0.9, 0.3, 0.7), (0.7, 1.4, 0.1, 0.5)],
)
def test_the_better_sense_gets_the_weight(
    video_noise: float, audio_noise: float, low: float, high: float
) -> None:
    model = make_model()
    choice = choose(model, make_features(video_noise, audio_noise))
    assert low <= choice.value <= high
    assert choice.roles == ("video_fusion", "text_fusion")
    assert len(choice.validation_values) == 11
    assert choice.validation_values[choice.value] == max(choice.validation_values.values())
    for fusion in model.fusions.values():
        assert isinstance(fusion, LateFusion)
        assert float(fusion.weight) == pytest.approx(choice.value)


def test_of_equal_values_the_one_that_listens_to_both_is_used() -> None:
    features = make_features(0.0, 0.0)  # every weight ranks all candidates right
    choice = choose(make_model(), features)
    assert choice.value == 0.5
    assert set(choice.validation_values.values()) == {1.0}


def test_the_value_is_a_part_of_the_weights() -> None:
    model, rebuilt = make_model(), make_model()
    choice = choose(model, make_features(0.3, 1e4))
    rebuilt.load_state_dict(model.state_dict())
    for fusion in rebuilt.fusions.values():
        assert isinstance(fusion, LateFusion)
        assert float(fusion.weight) == pytest.approx(choice.value)


def test_a_value_that_is_given_is_not_chosen() -> None:
    model = make_model(weight=0.3)
    assert choose(model, make_features(0.3, 1e4)) is None
    assert all(isinstance(fusion, HasOpenValue) for fusion in model.fusions.values())


def test_without_a_validation_pair_the_message_says_how_to_give_the_value() -> None:
    with pytest.raises(DataError, match=r"no usable pair in split val.*weight=0\.5"):
        choose(make_model(), make_features(0.3, 0.3), pairs={"val": []})


def test_a_trained_method_must_give_the_value() -> None:
    with pytest.raises(UsageError, match="give the fusions their value"):
        choose(make_model(), make_features(0.3, 0.3), objective=object())


def test_text_encoders_of_another_width_than_what_they_are_compared_with_are_refused() -> None:
    encoders = {role: PassThroughEncoder(modality, WIDTH) for role, modality in ROLES.items()}
    encoders["text_audio"] = PassThroughEncoder("text", 24)
    with pytest.raises(UsageError, match=r"text_audio of .* has 24 features and audio has 16"):
        EmbeddingModel(
            METHOD,
            encoders,
            video_fusion=lambda: late(WIDTH),
            text_fusion=lambda: late(WIDTH),
            seed=0,
        )


def test_a_cosine_is_the_weighted_sum_of_two() -> None:
    from egoexobench.types import Tokens

    generator = torch.Generator().manual_seed(0)
    tokens = [torch.randn(4, 3, dim, generator=generator) for dim in (5, 7)]
    query, context = (Tokens(values, torch.ones(4, 3, dtype=torch.bool)) for values in tokens)
    query.mask[3] = False  # a clip without sound

    def compute_cosines(weight: float) -> torch.Tensor:
        vectors = torch.nn.functional.normalize(late(1, weight=weight)(query, context), dim=1)
        return vectors @ vectors.T

    expected = 0.3 * compute_cosines(1.0) + 0.7 * compute_cosines(0.0)
    torch.testing.assert_close(compute_cosines(0.3)[:3, :3], expected[:3, :3])
    silent = late(1, weight=0.3)(query, context)[3]
    torch.testing.assert_close(silent, late(1, weight=0.0)(query, context)[3])


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(UsageError, match="must be from 0 to 1"):
        late(4, weight=weight)
