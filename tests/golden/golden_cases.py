"""Which part answers for which system: the first words of a file's name are the system's."""

import clip_cases
import frozen_cases
import loss_cases
import metric_cases
import picture_cases
import released_cases
import sound_cases
import table_cases
from golden_file import Claim

MEASURED = {"wanted": metric_cases.numbers}
CLAIMS = {
    "beats": Claim(sound_cases.beats, looser=sound_cases.LOOSER),
    "clip-tokenizer": Claim(table_cases.tokens, table_cases.listed_tokens),
    "cliploss-egoexo": Claim(loss_cases.symmetric),
    "cliploss-lavila": Claim(loss_cases.symmetric),
    "dcnv3-op": Claim(picture_cases.sampled),
    "egoexo": Claim(clip_cases.dual),
    "egoexonce": Claim(loss_cases.egoexonce),
    "egoinstructor-ego-encoder": Claim(picture_cases.egoinstructor),
    "egoinstructor-retriever": Claim(clip_cases.retriever),
    "egovlp": Claim(frozen_cases.dual),
    "frame-sampling": Claim(table_cases.frames, table_cases.listed_frames),
    "frozen-in-time": Claim(frozen_cases.dual),
    "internimage": Claim(picture_cases.internimage),
    "internvideo1-mm": Claim(picture_cases.internvideo),
    "kaldi-fbank": Claim(sound_cases.banks),
    "lavila-clip": Claim(clip_cases.dual),
    "lavila-visual": Claim(clip_cases.tower),
    "metrics-ae2": Claim(metric_cases.ae2, **MEASURED),
    "metrics-charades-map": Claim(metric_cases.charades, **MEASURED),
    "metrics-egomcq": Claim(metric_cases.egomcq, **MEASURED),
    "metrics-ek100-mir": Claim(metric_cases.ek100, **MEASURED),
    "metrics-full-gallery": Claim(metric_cases.full, **MEASURED),
    "metrics-mcq20": Claim(metric_cases.mcq20, **MEASURED),
    "metrics-mcq20-ties": Claim(metric_cases.mcq20, metric_cases.stable),
    "metrics-multi-caption": Claim(metric_cases.captions, **MEASURED),
    "soundbridge-association": Claim(released_cases.whole),
    "soundbridge-cha": Claim(released_cases.whole),
    "soundbridge-retrieval": Claim(released_cases.whole),
    "temporal-embed-inflation": Claim(frozen_cases.tables),
    "viclip": Claim(picture_cases.viclip),
    "videomaev2": Claim(picture_cases.videomae),
}


def of(name: str) -> Claim:
    """The claim of the longest system name that a file's name starts with."""
    systems = [system for system in CLAIMS if name.startswith(f"{system}-")]
    assert systems, f"no part claims {name!r}; there are {', '.join(CLAIMS)}"
    return CLAIMS[max(systems, key=len)]
