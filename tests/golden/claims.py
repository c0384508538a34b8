"""Which part answers for which system: the first words of a file's name are the system's."""

import clip_claims
import frozen_claims
import loss_claims
import metric_claims
import picture_claims
import released_claims
import sound_claims
import table_claims
from golden_file import Claim

MEASURED = {"wanted": metric_claims.numbers}
CLAIMS = {
    "beats": Claim(sound_claims.beats, looser=sound_claims.LOOSER),
    "clip-tokenizer": Claim(table_claims.tokens, table_claims.listed_tokens),
    "cliploss-egoexo": Claim(loss_claims.symmetric),
    "cliploss-lavila": Claim(loss_claims.symmetric),
    "dcnv3-op": Claim(picture_claims.sampled),
    "egoexo": Claim(clip_claims.dual),
    "egoexonce": Claim(loss_claims.egoexonce),
    "egoinstructor-ego-encoder": Claim(picture_claims.egoinstructor),
    "egoinstructor-retriever": Claim(clip_claims.retriever),
    "egovlp": Claim(frozen_claims.dual),
    "frame-sampling": Claim(table_claims.frames, table_claims.listed_frames),
    "frozen-in-time": Claim(frozen_claims.dual),
    "internimage": Claim(picture_claims.internimage),
    "internvideo1-mm": Claim(picture_claims.internvideo),
    "kaldi-fbank": Claim(sound_claims.banks),
    "lavila-clip": Claim(clip_claims.dual),
    "lavila-visual": Claim(clip_claims.tower),
    "metrics-ae2": Claim(metric_claims.ae2, **MEASURED),
    "metrics-charades-map": Claim(metric_claims.charades, **MEASURED),
    "metrics-egomcq": Claim(metric_claims.egomcq, **MEASURED),
    "metrics-ek100-mir": Claim(metric_claims.ek100, **MEASURED),
    "metrics-full-gallery": Claim(metric_claims.full, **MEASURED),
    "metrics-mcq20": Claim(metric_claims.mcq20, **MEASURED),
    "metrics-mcq20-ties": Claim(metric_claims.mcq20, metric_claims.stable),
    "metrics-multi-caption": Claim(metric_claims.captions, **MEASURED),
    "soundbridge-association": Claim(released_claims.whole),
    "soundbridge-cha": Claim(released_claims.whole),
    "soundbridge-retrieval": Claim(released_claims.whole),
    "temporal-embed-inflation": Claim(frozen_claims.tables),
    "viclip": Claim(picture_claims.viclip),
    "videomaev2": Claim(picture_claims.videomae),
}


def of(name: str) -> Claim:
    """The claim of the longest system name that a file's name starts with."""
    systems = [system for system in CLAIMS if name.startswith(f"{system}-")]
    assert systems, f"no part claims {name!r}; there are {', '.join(CLAIMS)}"
    return CLAIMS[max(systems, key=len)]
