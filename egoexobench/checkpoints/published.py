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


def _make_dual_encoder(system: str, text: str, video: str = "") -> tuple[CheckpointConsumer, ...]:
    """Return the encoders of a video tower with its projection and of its text tower."""
    return CheckpointConsumer(
        f"timesformer:system={system},output=cls,project=256{video}"
    ), CheckpointConsumer(text)


def _make_lavila(
    file: str, note: str = _NO_LICENSE_STATED, *, large: bool = False
) -> PublishedCheckpoint:
    if large:
        video = ",patch=14,width=1024,depth=24,heads=16"
        consumers = _make_dual_encoder("lavila", "clip-text:width=768,heads=12,project=256", video)
    else:
        consumers = _make_dual_encoder("lavila", "clip-text:heads=8,project=256")
    heads = "video 16, text 12" if large else "video 12, text 8"
    return PublishedCheckpoint(
        file=file,
        source=_META,
        license=None,
        consumers=consumers,
        heads=heads,
        note=note,
        ignored_keys=_TEMPERATURE,
    )


def _make_distilled(
    file: str, source: str, system: str, frames: int = 4, note: str = _NO_LICENSE_STATED
) -> PublishedCheckpoint:
    """Return a checkpoint of Frozen-in-Time or EgoVLP, which have the same encoders."""
    consumers = _make_dual_encoder(
        system, "distilbert-text", "" if frames == 4 else f",frames={frames}"
    )
    return PublishedCheckpoint(
        file=file,
        source=source,
        license=None,
        consumers=consumers,
        heads="video 12, text 12",
        note=note,
    )


def _make_videomae(
    file: str, size: str, heads: int, source: str | None, note: str
) -> PublishedCheckpoint:
    return PublishedCheckpoint(
        file=file,
        source=source,
        license=None,
        consumers=(CheckpointConsumer(f"videomae:size={size}"),),
        heads=str(heads),
        note=note,
    )


def _make_internimage(size: str, file: str) -> PublishedCheckpoint:
    source = f"{_HUB}OpenGVLab/InternImage"
    heads = "16 (attention pool)" if size in ("h", "g") else "none"
    return PublishedCheckpoint(
        file=file,
        source=source,
        license="MIT (model card)",
        consumers=(CheckpointConsumer(f"internimage:size={size}"),),
        heads=heads,
    )


def _make_viclip(size: str, letter: str, data: str) -> PublishedCheckpoint:
    heads = "video 12, text 8" if size == "base" else "video 16, text 12"
    return PublishedCheckpoint(
        file=f"ViCLIP-{letter}_InternVid-{data}.pth",
        source=f"{_HUB}OpenGVLab/ViCLIP",
        license=None,
        consumers=(
            CheckpointConsumer(f"viclip:size={size}"),
            CheckpointConsumer(f"viclip-text:size={size}"),
        ),
        heads=heads,
    )


def _make_soundbridge(data: str, task: str) -> PublishedCheckpoint:
    variant = "cha" if data == "Cha" else task
    fusions = (
        CheckpointConsumer(f"soundbridge-released-{side}:variant={variant}", "fusion", 256)
        for side in ("video", "text")
    )
    return PublishedCheckpoint(
        file=f"ckpt/{data}/{task}.pt",
        source=f"{_HUB}Sihong/SoundBridge",
        license=None,
        consumers=(*_make_dual_encoder("egoexo", "clip-text:heads=16,project=256"), *fusions),
        heads="video 12, text 16, fusion 4 and 2",
        note="the released code runs 16 text heads on weights that had 8",
        ignored_keys=_TEMPERATURE,
    )


_LAVILA_BASE = _make_lavila(
    "clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth",
    "EgoExo and SoundBridge start from it",
)
_BEATS = PublishedCheckpoint(
    file="BEATs_iter3_plus_AS2M.pt",
    source="microsoft/unilm, beats/README.md (OneDrive)",
    license="MIT",
    consumers=(CheckpointConsumer("beats"),),
    heads="read from the file's cfg",
    note="the file name is reported by others; SoundBridge does not say which BEATs it used",
)

_AE2_FLAGS = "object_centric=true,hidden=128,positions=true,weigh=true"
_AE2_OPTIONS = {
    "break_eggs": ":object_centric=true",
    "pour_milk": "",
    "pour_liquid": f":{_AE2_FLAGS},layers=3",
    "tennis_forehand": f":{_AE2_FLAGS},mask=true,one_object=true",
}

CHECKPOINTS_BY_METHOD: dict[str, tuple[PublishedCheckpoint, ...]] = {
    "frozen-in-time": (
        _make_distilled(
            "cc-webvid2m-4f_stformer_b_16_224.pth.tar",
            "https://www.robots.ox.ac.uk/~maxbain/frozen-in-time/models/",
            "frozen-in-time",
        ),
    ),
    "egovlp": (
        _make_distilled(
            "egovlp.pth", "showlab/EgoVLP, README (Google Drive, EgoVLP_PT_BEST)", "egovlp"
        ),
        _make_distilled(
            file="charades_ft.pth",
            source="showlab/EgoVLP, README (Google Drive, EgoVLP_FT_CHARADES)",
            system="egovlp",
            frames=16,
        ),
        *(
            _make_distilled(file, _META, "egovlp", note="converted by LaViLa, half precision")
            for file in (
                "egovlp_epo1_converted_f16.md5sum_7a3d3b.pth",
                "egovlp_converted_f16.md5sum_c33363.pth",
            )
        ),
    ),
    "lavila": (
        _LAVILA_BASE,
        _make_lavila("clip_openai_timesformer_base.narrator_rephraser.ep_0005.md5sum_d73a9c.pth"),
        *(
            _make_lavila(
                f"clip_openai_timesformer_large.narrator_rephraser.{epoch}.pth", large=True
            )
            for epoch in ("ep_0001.md5sum_9a25de", "ep_0003.md5sum_c89337")
        ),
        _make_lavila("clip_openai_timesformer_base.baseline.ep_0003.pth"),
    ),
    "egoexo": (_LAVILA_BASE,),
    "ae2": tuple(
        PublishedCheckpoint(
            file=f"{activity}.ckpt",
            source="zihuixue/AlignEgoExo, README (shared drive)",
            license=None,
            consumers=(CheckpointConsumer(f"ae2{options}"),),
            heads="4" if options else "none",
            note=_NO_LICENSE_STATED,
        )
        for activity, options in _AE2_OPTIONS.items()
    ),
    "soundbridge": (_LAVILA_BASE, _BEATS),
    "soundbridge-released": tuple(
        _make_soundbridge(data, task)
        for data in ("Cha", "EgoExo")
        for task in ("association", "retrieval")
    ),
    "internvideo": tuple(
        _make_viclip(size, letter, data)
        for size, letter in (("base", "B"), ("large", "L"))
        for data in ("FLT-10M", "200M")
    ),
    "eclipse": (
        PublishedCheckpoint(
            file="open_clip_pytorch_model.bin",
            source=f"{_HUB}timm/vit_base_patch32_clip_224.openai",
            license=None,
            consumers=(CheckpointConsumer("eclipse"), CheckpointConsumer("clip-text:heads=8")),
            heads="video 12, text 8",
            note="CLIP's ViT-B/32, from which the release starts; its own are not published",
            ignored_keys=_TEMPERATURE,
        ),
    ),
    "egoinstructor": (
        PublishedCheckpoint(
            file="retrieval_checkpoint_best.pt",
            source=f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            license=None,
            consumers=(
                CheckpointConsumer("egoinstructor-aggregator:heads=8", "fusion", 768),
                CheckpointConsumer("clip-text:context=300,width=768,heads=8,project=768"),
            ),
            heads="features 8, text 8",
            note="1.83 GB; " + _NO_LICENSE_STATED,
            ignored_keys=_TEMPERATURE,
        ),
        PublishedCheckpoint(
            file="videomae_L14_checkpoint_best.pth",
            source=f"{_HUB}Jazzcharles/EgoInstructor-ModelZoo",
            license=None,
            consumers=(CheckpointConsumer("egoinstructor-ego"),),
            heads="16",
            note="5.1 GB; its text tower is left alone; " + _NO_LICENSE_STATED,
        ),
        PublishedCheckpoint(
            file="InternVideo-MM-L-14.ckpt",
            source=f"{_HUB}OpenGVLab/InternVideo1.0",
            license=None,
            consumers=(CheckpointConsumer("internvideo1-mm"),),
            heads="video 16, text 12",
            note="2.47 GB; what is not named clip.* is left alone, as the release does; "
            + _NO_LICENSE_STATED,
        ),
    ),
    "videomae-v2": (
        *(
            _make_videomae(
                file=f"vit_{letter}_k710_dl_from_giant.pth",
                size=size,
                heads=heads,
                source=f"{_HUB}OpenGVLab/VideoMAE2 (distill/)",
                note="710 classes; " + _NO_LICENSE_STATED,
            )
            for letter, size, heads in (("s", "small", 6), ("b", "base", 12))
        ),
        _make_videomae(
            file="vit_g_hybrid_pt_1200e_k710_ft.pth",
            size="giant",
            heads=16,
            source="OpenGVLab/VideoMAEv2, behind a request form",
            note=_NO_LICENSE_STATED,
        ),
    ),
    "internimage": (
        *(_make_internimage(size, f"internimage_{size}_1k_224.pth") for size in "tsb"),
        *(_make_internimage(size, f"internimage_{size}_22kto1k_384.pth") for size in ("l", "xl")),
        _make_internimage("h", "internimage_h_22kto1k_640.pth"),
    ),
}
"""Files by method, the one to prefer first."""
