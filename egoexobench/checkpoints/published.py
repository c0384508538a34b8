"""What each method can start from: file names, where its authors publish them, license, heads.

The facts were read in the repositories named in each part's docstring; the files themselves were
not opened. None stands for what is not known; it is shown as unknown.
"""

from __future__ import annotations

from egoexobench.checkpoints.release import CheckpointConsumer, PublishedCheckpoint

_META = "https://dl.fbaipublicfiles.com/lavila/checkpoints/dual_encoders/ego4d/"
_HUB = "https://huggingface.co/"
_NO_LICENSE_STATED = "no license of the weights is stated in the repository"


_TEMPERATURE = ("logit_scale",)
"""The temperature of the published loss, which no embedding needs."""


def _dual_encoder(system: str, text: str, video: str = "") -> tuple[CheckpointConsumer, ...]:
    """Return the encoders of a video tower with its projection and of its text tower."""
    return CheckpointConsumer(
        f"timesformer:system={system},output=cls,project=256{video}"
    ), CheckpointConsumer(text)


def _lavila(
    file: str, note: str = _NO_LICENSE_STATED, *, large: bool = False
) -> PublishedCheckpoint:
    if large:
        video = ",patch=14,width=1024,depth=24,heads=16"
        consumers = _dual_encoder("lavila", "clip-text:width=768,heads=12,project=256", video)
    else:
        consumers = _dual_encoder("lavila", "clip-text:heads=8,project=256")
    heads = "video 16, text 12" if large else "video 12, text 8"
    return PublishedCheckpoint(file, _META, None, consumers, heads, note, _TEMPERATURE)


def _distilled(
    file: str, source: str, system: str, frames: int = 4, note: str = _NO_LICENSE_STATED
) -> PublishedCheckpoint:
    """Return a checkpoint of Frozen-in-Time or EgoVLP, which have the same encoders."""
    consumers = _dual_encoder(system, "distilbert-text", "" if frames == 4 else f",frames={frames}")
    return PublishedCheckpoint(file, source, None, consumers, "video 12, text 12", note)


def _videomae(
    file: str, size: str, heads: int, source: str | None, note: str
) -> PublishedCheckpoint:
    return PublishedCheckpoint(
        file, source, None, (CheckpointConsumer(f"videomae:size={size}"),), str(heads), note
    )


def _internimage(size: str, file: str) -> PublishedCheckpoint:
    source = f"{_HUB}OpenGVLab/InternImage"
    heads = "16 (attention pool)" if size in ("h", "g") else "none"
    return PublishedCheckpoint(
        file, source, "MIT (model card)", (CheckpointConsumer(f"internimage:size={size}"),), heads
    )


def _viclip(size: str, letter: str, data: str) -> PublishedCheckpoint:
    heads = "video 12, text 8" if size == "base" else "video 16, text 12"
    return PublishedCheckpoint(
        f"ViCLIP-{letter}_InternVid-{data}.pth",
        f"{_HUB}OpenGVLab/ViCLIP",
        None,
        (CheckpointConsumer(f"viclip:size={size}"), CheckpointConsumer(f"viclip-text:size={size}")),
        heads,
    )


def _soundbridge(data: str, task: str) -> PublishedCheckpoint:
    variant = "cha" if data == "Cha" else task
    fusions = (
        CheckpointConsumer(f"soundbridge-released-{side}:variant={variant}", "fusion", 256)
        for side in ("video", "text")
    )
    return PublishedCheckpoint(
        f"ckpt/{data}/{task}.pt",
        f"{_HUB}Sihong/SoundBridge",
        None,
        (*_dual_encoder("egoexo", "clip-text:heads=16,project=256"), *fusions),
        "video 12, text 16, fusion 4 and 2",
        "the released code runs 16 text heads on weights that had 8",
        _TEMPERATURE,
    )


_LAVILA_BASE = _lavila(
    "clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth",
    "EgoExo and SoundBridge start from it",
)
_BEATS = PublishedCheckpoint(
    "BEATs_iter3_plus_AS2M.pt",
    "microsoft/unilm, beats/README.md (OneDrive)",
    "MIT",
    (CheckpointConsumer("beats"),),
    "read from the file's cfg",
    "the file name is reported by others; SoundBridge does not say which BEATs it used",
)

CHECKPOINTS_BY_METHOD: dict[str, tuple[PublishedCheckpoint, ...]] = {
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
        _LAVILA_BASE,
        _lavila("clip_openai_timesformer_base.narrator_rephraser.ep_0005.md5sum_d73a9c.pth"),
        *(
            _lavila(f"clip_openai_timesformer_large.narrator_rephraser.{epoch}.pth", large=True)
            for epoch in ("ep_0001.md5sum_9a25de", "ep_0003.md5sum_c89337")
        ),
        _lavila("clip_openai_timesformer_base.baseline.ep_0003.pth"),
    ),
    "egoexo": (_LAVILA_BASE,),
    "soundbridge": (_LAVILA_BASE, _BEATS),
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
        PublishedCheckpoint(
            "retrieval_checkpoint_best.pt",
            f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            None,
            (
                CheckpointConsumer("egoinstructor-aggregator:heads=8", "fusion", 768),
                CheckpointConsumer("clip-text:context=300,width=768,heads=8,project=768"),
            ),
            "features 8, text 8",
            "1.83 GB; " + _NO_LICENSE_STATED,
            _TEMPERATURE,
        ),
        PublishedCheckpoint(
            "videomae_L14_checkpoint_best.pth",
            f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            None,
            (CheckpointConsumer("egoinstructor-ego"),),
            "16",
            "5.1 GB; its text tower is left alone; " + _NO_LICENSE_STATED,
        ),
        PublishedCheckpoint(
            "InternVideo-MM-L-14.ckpt",
            f"{_HUB}OpenGVLab/InternVideo1.0",
            None,
            (CheckpointConsumer("internvideo1-mm"),),
            "video 16, text 12",
            "2.47 GB; what is not named clip.* is left alone, as the release does; "
            + _NO_LICENSE_STATED,
        ),
    ),
    "videomae-v2": (
        *(
            _videomae(
                f"vit_{letter}_k710_dl_from_giant.pth",
                size,
                heads,
                f"{_HUB}OpenGVLab/VideoMAE2 (distill/)",
                "710 classes; " + _NO_LICENSE_STATED,
            )
            for letter, size, heads in (("s", "small", 6), ("b", "base", 12))
        ),
        _videomae(
            "vit_g_hybrid_pt_1200e_k710_ft.pth",
            "giant",
            16,
            "OpenGVLab/VideoMAEv2, behind a request form",
            _NO_LICENSE_STATED,
        ),
    ),
    "internimage": (
        *(_internimage(size, f"internimage_{size}_1k_224.pth") for size in "tsb"),
        *(_internimage(size, f"internimage_{size}_22kto1k_384.pth") for size in ("l", "xl")),
        _internimage("h", "internimage_h_22kto1k_640.pth"),
    ),
}
"""Files by method, the one to prefer first."""
