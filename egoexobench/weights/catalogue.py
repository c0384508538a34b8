"""What each method wants: file names, where its authors publish them, licence, checksum.

Nothing is downloaded from here. The facts were read in the repositories named in each part's
docstring; the files themselves were not opened. What is not known is None and shown as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from egoexobench.errors import UsageError, unknown

_MD5 = re.compile(r"md5sum_([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class Release:
    """One published file.

    ``part`` is the encoder that loads it with the options ``options``, None where the file is of
    a whole method. ``heads`` are attention heads, which no shape shows.
    """

    file: str
    where: str | None
    licence: str | None
    part: str | None
    options: str = ""
    heads: str = ""
    note: str = ""


def checksum(file: str) -> str | None:
    """Return the start of the MD5 sum that a file's name carries, or None.

    >>> checksum("clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth")
    '02dbb9'
    """
    found = _MD5.search(file)
    return found[1] if found else None


def wanted(method: str) -> tuple[Release, ...]:
    """Return the files that a method can start from.

    Raises:
        UsageError: for a method that has none here.
    """
    if method not in METHODS:
        raise UsageError(unknown("method with published weights", method, METHODS))
    return METHODS[method]


def every() -> Iterator[tuple[str, Release]]:
    """Each method with each of its files."""
    for method, releases in METHODS.items():
        for release in releases:
            yield method, release


_META = "https://dl.fbaipublicfiles.com/lavila/checkpoints/dual_encoders/ego4d/"
_HUB = "https://huggingface.co/"
_UNSAID = "no licence of the weights is stated in the repository"


def _lavila(file: str, options: str, heads: str, note: str = _UNSAID) -> Release:
    spec = f"system=lavila{options}"
    return Release(file, _META, None, "timesformer", spec, heads, note)


def _videomae(file: str, size: str, heads: int, where: str | None, note: str) -> Release:
    return Release(file, where, None, "videomae", f"size={size}", str(heads), note)


def _internimage(size: str, file: str) -> Release:
    where = f"{_HUB}OpenGVLab/InternImage"
    heads = "16 (attention pool)" if size in ("h", "g") else "none"
    return Release(file, where, "MIT (model card)", "internimage", f"size={size}", heads)


def _viclip(size: str, letter: str, data: str) -> Release:
    heads = "video 12, text 8" if size == "base" else "video 16, text 12"
    return Release(
        f"ViCLIP-{letter}_InternVid-{data}.pth",
        f"{_HUB}OpenGVLab/ViCLIP",
        None,
        "viclip",
        f"size={size}",
        heads,
        "viclip-text reads the text tower of the same file",
    )


_LARGE = ",patch=14,width=1024,depth=24,heads=16"
_BEGIN = _lavila(
    "clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth",
    "",
    "video 12, text 8",
    "EgoExo and SoundBridge start from it",
)
_BEATS = Release(
    "BEATs_iter3_plus_AS2M.pt",
    "microsoft/unilm, beats/README.md (OneDrive)",
    "MIT",
    "beats",
    "",
    "read from the file's cfg",
    "the file name is reported by others; SoundBridge does not say which BEATs it used",
)
_FIT = "system=frozen-in-time"

METHODS: dict[str, tuple[Release, ...]] = {
    "frozen-in-time": (
        Release(
            "cc-webvid2m-4f_stformer_b_16_224.pth.tar",
            "https://www.robots.ox.ac.uk/~maxbain/frozen-in-time/models/",
            None,
            "timesformer",
            _FIT,
            "video 12, text 12",
            _UNSAID,
        ),
    ),
    "egovlp": (
        Release(
            "egovlp.pth",
            "showlab/EgoVLP, README (Google Drive, EgoVLP_PT_BEST)",
            None,
            "timesformer",
            "system=egovlp",
            "video 12, text 12",
            _UNSAID,
        ),
        Release(
            "charades_ft.pth",
            "showlab/EgoVLP, README (Google Drive, EgoVLP_FT_CHARADES)",
            None,
            "timesformer",
            "system=egovlp,frames=16",
            "video 12, text 12",
            _UNSAID,
        ),
        *(
            Release(
                file,
                _META,
                None,
                "timesformer",
                "system=egovlp",
                "video 12, text 12",
                "converted by LaViLa, half precision",
            )
            for file in (
                "egovlp_epo1_converted_f16.md5sum_7a3d3b.pth",
                "egovlp_converted_f16.md5sum_c33363.pth",
            )
        ),
    ),
    "lavila": (
        _BEGIN,
        _lavila(
            "clip_openai_timesformer_base.narrator_rephraser.ep_0005.md5sum_d73a9c.pth",
            "",
            "video 12, text 8",
        ),
        *(
            _lavila(
                f"clip_openai_timesformer_large.narrator_rephraser.{epoch}.pth",
                _LARGE,
                "video 16, text 12",
            )
            for epoch in ("ep_0001.md5sum_9a25de", "ep_0003.md5sum_c89337")
        ),
        _lavila("clip_openai_timesformer_base.baseline.ep_0003.pth", "", "video 12, text 8"),
    ),
    "egoexo": (_BEGIN,),
    "soundbridge": (_BEGIN, _BEATS),
    "soundbridge-released": tuple(
        Release(
            f"ckpt/{data}/{task}.pt",
            f"{_HUB}Sihong/SoundBridge",
            None,
            None,
            heads="video 12, text 16, fusion 4 and 2",
            note="the released code runs 16 text heads on weights that had 8",
        )
        for data in ("Cha", "EgoExo")
        for task in ("association", "retrieval")
    ),
    "internvideo": tuple(
        _viclip(size, letter, data)
        for size, letter in (("base", "B"), ("large", "L"))
        for data in ("FLT-10M", "200M")
    ),
    "egoinstructor": (
        Release(
            "retrieval_checkpoint_best.pt",
            f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            None,
            None,
            heads="features 8, text 8",
            note="1.83 GB; " + _UNSAID,
        ),
        Release(
            "videomae_L14_checkpoint_best.pth",
            f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            None,
            "egoinstructor-ego",
            heads="16",
            note="5.1 GB; " + _UNSAID,
        ),
        Release(
            "InternVideo-MM-L-14.ckpt",
            f"{_HUB}OpenGVLab/InternVideo1.0",
            None,
            "internvideo1-mm",
            heads="video 16, text 12",
            note="2.47 GB; " + _UNSAID,
        ),
    ),
    "videomae-v2": (
        *(
            _videomae(
                f"vit_{letter}_k710_dl_from_giant.pth",
                size,
                heads,
                f"{_HUB}OpenGVLab/VideoMAE2 (distill/)",
                "710 classes; " + _UNSAID,
            )
            for letter, size, heads in (("s", "small", 6), ("b", "base", 12))
        ),
        _videomae(
            "vit_g_hybrid_pt_1200e_k710_ft.pth",
            "giant",
            16,
            "OpenGVLab/VideoMAEv2, behind a request form",
            _UNSAID,
        ),
    ),
    "internimage": (
        *(_internimage(size, f"internimage_{size}_1k_224.pth") for size in "tsb"),
        *(_internimage(size, f"internimage_{size}_22kto1k_384.pth") for size in ("l", "xl")),
        _internimage("h", "internimage_h_22kto1k_640.pth"),
    ),
}
"""Files by method, the one to prefer first."""
