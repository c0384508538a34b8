"""The case of each system; the name of a golden file starts with that of its system."""

import a2summ_cases
import ae2_cases
import clip_cases
import eclipse_cases
import frame_cases
import frozen_cases
import loss_cases
import metric_cases
import picture_cases
import released_cases
import sequence_cases
import sound_cases
import table_cases
import textpool_cases
from golden_file import GoldenCase

METRIC_OPTIONS = {"expected": metric_cases.get_numbers}
CASES = {
    "a2summ": GoldenCase(a2summ_cases.compute_summary),
    "ae2-embedder": GoldenCase(ae2_cases.compute_embedder),
    "ae2-losses": GoldenCase(sequence_cases.compute_losses),
    "ae2-object": GoldenCase(ae2_cases.compute_embedder),
    "beats": GoldenCase(sound_cases.compute_beats, looser=sound_cases.LOOSER),
    "clip-tokenizer": GoldenCase(table_cases.tokenize_texts, table_cases.list_expected_tokens),
    "cliploss-egoexo": GoldenCase(loss_cases.compute_symmetric_loss),
    "cliploss-lavila": GoldenCase(loss_cases.compute_symmetric_loss),
    "dcnv3-op": GoldenCase(picture_cases.compute_sampling),
    "eclipse": GoldenCase(eclipse_cases.compute_tower),
    "egoexo": GoldenCase(clip_cases.compute_dual_encoder),
    "egoexonce": GoldenCase(loss_cases.compute_ego_exo_nce),
    "egoinstructor-ego-encoder": GoldenCase(picture_cases.compute_egoinstructor),
    "egoinstructor-retriever": GoldenCase(clip_cases.compute_retriever),
    "egovlp": GoldenCase(frozen_cases.compute_dual_encoder),
    "frame-sampling": GoldenCase(table_cases.sample_spans, table_cases.list_expected_frames),
    "frozen-in-time": GoldenCase(frozen_cases.compute_dual_encoder),
    "internimage": GoldenCase(picture_cases.compute_internimage),
    "internvideo1-mm": GoldenCase(picture_cases.compute_internvideo),
    "kaldi-fbank": GoldenCase(sound_cases.compute_fbanks),
    "lavila-clip": GoldenCase(clip_cases.compute_dual_encoder),
    "lavila-visual": GoldenCase(clip_cases.compute_video_tower),
    "metrics-ae2": GoldenCase(frame_cases.compute_ae2, **METRIC_OPTIONS),
    "metrics-charades-map": GoldenCase(metric_cases.compute_charades, **METRIC_OPTIONS),
    "metrics-egomcq": GoldenCase(metric_cases.compute_egomcq, **METRIC_OPTIONS),
    "metrics-ek100-mir": GoldenCase(metric_cases.compute_ek100, **METRIC_OPTIONS),
    "metrics-full-gallery": GoldenCase(metric_cases.compute_full_gallery, **METRIC_OPTIONS),
    "metrics-mcq20": GoldenCase(metric_cases.compute_mcq20, **METRIC_OPTIONS),
    "metrics-mcq20-ties": GoldenCase(metric_cases.compute_mcq20, **METRIC_OPTIONS),
    "metrics-multi-caption": GoldenCase(metric_cases.compute_multi_caption, **METRIC_OPTIONS),
    "soundbridge-association": GoldenCase(released_cases.compute_released),
    "soundbridge-cha": GoldenCase(released_cases.compute_released),
    "soundbridge-retrieval": GoldenCase(released_cases.compute_released),
    "temporal-embed-inflation": GoldenCase(frozen_cases.inflate_tables),
    "textpool": GoldenCase(textpool_cases.compute_text_pool),
    "viclip": GoldenCase(picture_cases.compute_viclip),
    "videomaev2": GoldenCase(picture_cases.compute_videomae),
}


def find_case(name: str) -> GoldenCase:
    """The case of the longest system name that a file's name starts with."""
    systems = [system for system in CASES if name.startswith(f"{system}-")]
    assert systems, f"no part reproduces {name!r}; systems: {', '.join(CASES)}"
    return CASES[max(systems, key=len)]
