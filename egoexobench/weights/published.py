"""What each method can start from: file names, where its authors publish them, licence, heads.

The facts were read in the repositories named in each part's docstring; the files themselves were
not opened. What is not known is None and shown as unknown.
"""

from __future__ import annotations

from egoexobench.weights.release import Release, Share

_META = "https://dl.fbaipublicfiles.com/lavila/checkpoints/dual_encoders/ego4d/"
_HUB = "https://huggingface.co/"
_UNSAID = "no licence of the weights is stated in the repository"


_SCALE = ("logit_scale",)
"""The temperature of the published loss, which no embedding needs."""


def _tower(system: str, text: str, video: str = "") -> tuple[Share, ...]:
    """A space-time tower with its projection, and the text tower beside it."""
    return Share(f"timesformer:system={system},output=cls,project=256{video}"), Share(text)


def _lavila(file: str, note: str = _UNSAID, *, large: bool = False) -> Release:
    if large:
        video = ",patch=14,width=1024,depth=24,heads=16"
        shares = _tower("lavila", "clip-text:width=768,heads=12,project=256", video)
    else:
        shares = _tower("lavila", "clip-text:heads=8,project=256")
    heads = "video 16, text 12" if large else "video 12, text 8"
    return Release(file, _META, None, shares, heads, note, _SCALE)


def _distilled(file: str, where: str, system: str, frames: int = 4, note: str = _UNSAID) -> Release:
    """Frozen-in-Time and EgoVLP: the same towers."""
    shares = _tower(system, "distilbert-text", "" if frames == 4 else f",frames={frames}")
    return Release(file, where, None, shares, "video 12, text 12", note)


def _videomae(file: str, size: str, heads: int, where: str | None, note: str) -> Release:
    return Release(file, where, None, (Share(f"videomae:size={size}"),), str(heads), note)


def _internimage(size: str, file: str) -> Release:
    where = f"{_HUB}OpenGVLab/InternImage"
    heads = "16 (attention pool)" if size in ("h", "g") else "none"
    return Release(file, where, "MIT (model card)", (Share(f"internimage:size={size}"),), heads)


def _viclip(size: str, letter: str, data: str) -> Release:
    heads = "video 12, text 8" if size == "base" else "video 16, text 12"
    return Release(
        f"ViCLIP-{letter}_InternVid-{data}.pth",
        f"{_HUB}OpenGVLab/ViCLIP",
        None,
        (Share(f"viclip:size={size}"), Share(f"viclip-text:size={size}")),
        heads,
    )


def _soundbridge(data: str, task: str) -> Release:
    variant = "cha" if data == "Cha" else task
    fusions = (
        Share(f"soundbridge-released-{side}:variant={variant}", "fusion", 256)
        for side in ("video", "text")
    )
    return Release(
        f"ckpt/{data}/{task}.pt",
        f"{_HUB}Sihong/SoundBridge",
        None,
        (*_tower("egoexo", "clip-text:heads=16,project=256"), *fusions),
        "video 12, text 16, fusion 4 and 2",
        "the released code runs 16 text heads on weights that had 8",
        _SCALE,
    )


_BEGIN = _lavila(
    "clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth",
    "EgoExo and SoundBridge start from it",
)
_BEATS = Release(
    "BEATs_iter3_plus_AS2M.pt",
    "microsoft/unilm, beats/README.md (OneDrive)",
    "MIT",
    (Share("beats"),),
    "read from the file's cfg",
    "the file name is reported by others; SoundBridge does not say which BEATs it used",
)

METHODS: dict[str, tuple[Release, ...]] = {
    "frozen-in-time": (
        _distilled(
            "cc-webvid2m-4f_stformer_b_16_224.pth.tar",
            "https://www.robots.ox.ac.uk/~maxbain/frozen-in-time/models/",
            "frozen-in-time",
        ),
    ),
    "egovlp": (
        _distilled("egovlp.pth", "showlab/EgoVLP, README (Google Drive, EgoVLP_PT_BEST)", "egovlp"),
        _distilled(
            "charades_ft.pth",
            "showlab/EgoVLP, README (Google Drive, EgoVLP_FT_CHARADES)",
            "egovlp",
            16,
        ),
        *(
            _distilled(file, _META, "egovlp", note="converted by LaViLa, half precision")
            for file in (
                "egovlp_epo1_converted_f16.md5sum_7a3d3b.pth",
                "egovlp_converted_f16.md5sum_c33363.pth",
            )
        ),
    ),
    "lavila": (
        _BEGIN,
        _lavila("clip_openai_timesformer_base.narrator_rephraser.ep_0005.md5sum_d73a9c.pth"),
        *(
            _lavila(f"clip_openai_timesformer_large.narrator_rephraser.{epoch}.pth", large=True)
            for epoch in ("ep_0001.md5sum_9a25de", "ep_0003.md5sum_c89337")
        ),
        _lavila("clip_openai_timesformer_base.baseline.ep_0003.pth"),
    ),
    "egoexo": (_BEGIN,),
    "soundbridge": (_BEGIN, _BEATS),
    "soundbridge-released": tuple(
        _soundbridge(data, task)
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
            (
                Share("egoinstructor-features:heads=8", "fusion", 768),
                Share("clip-text:context=300,width=768,heads=8,project=768"),
            ),
            "features 8, text 8",
            "1.83 GB; " + _UNSAID,
            _SCALE,
        ),
        Release(
            "videomae_L14_checkpoint_best.pth",
            f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            None,
            (Share("egoinstructor-ego"),),
            "16",
            "5.1 GB; its text tower is left alone; " + _UNSAID,
        ),
        Release(
            "InternVideo-MM-L-14.ckpt",
            f"{_HUB}OpenGVLab/InternVideo1.0",
            None,
            (Share("internvideo1-mm"),),
            "video 16, text 12",
            "2.47 GB; what is not named clip.* is left alone, as the release does; " + _UNSAID,
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
