"""Word lists of the name rules: banned words, verbs, British spellings, module names to avoid."""

import re

BANNED = frozenset(
    "found told asked known kept held made given there whole about place which what how wanted "
    "seen heard".split()
)
"""Words that say nothing about a value. ``one`` is banned as a loop variable only."""

VERBS = frozenset(
    """
    abort accept accumulate acquire add adjust admit advance align allow annotate answer append
    apply approximate ask assemble assert assign attach attend audit await backfill backpropagate
    bake batch begin bind blend block bootstrap break bring broadcast build cache calculate call
    cancel cap capture cast center change check choose clamp classify clean clear click clone
    close cluster collapse collate collect combine commit compare compile complete compose compress
    compute
    concatenate confirm connect construct consume contain continue convert convolve copy correlate
    correct count crop create cut damage debug decide declare decode decompress deduplicate define
    delete deny derange derive describe deserialize detect determine diff discard discover dispatch
    display distribute divide document download downmix downsample drain draw drop dump edit embed
    emit enable encode end enforce ensure enumerate erase escape estimate evaluate examine exclude
    execute exempt exit expand expect explain export expose extend extract fail fake fall fetch
    fill filter find finish fit fix flatten flip flush fold follow force forget fork format forward
    freeze fuse gather generate get give go group guard guess halt handle hash hide hold identify
    ignore import include increment index infer inflate initialize inject insert inspect install
    interpolate interrupt invalidate inverse invert invoke is isolate iter iterate join
    judge jump keep
    kill label launch lay learn leave limit link list listen load localize locate lock log look
    loop lower make map mark mask match measure memoize merge migrate mirror mix mock modify
    monitor mount move multiply mute mutate name narrate narrow nest normalize notify nudge observe
    obtain offer omit open optimize order overlap override overwrite pack pad paint parse partition
    pass patch pause perform permute persist perturb pick play plot pool pop populate post predict
    prefetch prefer prepare prepend present preserve print probe process produce project prompt
    propagate protect provide prune publish pull push put quantize query quote raise randomize rank
    read reap rearrange rebuild recall receive recompute reconstruct record recover redact redirect
    reduce refer refine refresh refuse regenerate register reject release reload remap remove
    rename render repeat replace replay reply report request require rerun resample reset reshape
    resize resolve respond restart restore restrict retain retrieve retry return reuse reverse
    rewrite roll rotate round run sample sanitize save say scale scan schedule score scramble
    search seed seek select send separate serialize serve set setup shift shoot show shrink shuffle
    shut simulate skip slice sleep snapshot solve sort spawn speak split spread stack standardize
    start stop store stream strike strip stub style submit subset substitute subtract suggest sum
    summarize suppress swap sweep switch sync synthesize tabulate tag take teach tell terminate
    test throw tie tile time tokenize toggle touch trace track train transcribe transfer transform
    translate
    transpose traverse treat trim truncate try tune turn unfold unify uninstall unload unlock
    unpack unquote unwrap unzip update upload upsample use validate vary verify view visit wait
    walk warm warn warp watch weigh whiten widen wipe wrap write yield zero zip remux shorten
    upgrade poll
    """.split()
)
"""Verbs in the base form, checked by hand; add one when a function needs it."""

PREDICATES = frozenset(
    "is are has have can should needs uses allows accepts contains supports matches requires "
    "starts ends exists covers reads differs equals overlaps belongs was were does".split()
)
"""First words of a function that answers yes or no."""

MEASURES = frozenset(
    """
    accuracy area bias chance correlation cosine count counts db deviation distance distances dtype
    effect energy entropy error f1 hits interval intervals k level likelihood lag loss losses mean
    means median mrr norm norms odds overlap peak percentile pmf precision probabilities
    probability quantile rank ranks rate ratio recall score scores share shares similarities
    similarity statistic statistics std sum sums correction terms test value variance weight
    weights
    """.split()
)
"""Last words of a metric function, such as ``average_precision`` in scikit-learn."""

FIXED = frozenset(
    """
    main forward state_dict dim modality frozen clips pairs queries clip caption captions frames
    ranks frame dataset embeddings fingerprint log_message send_header server_bind service_actions
    stage classes answer items values exec_module lavila_chunked readable seekable readinto backward
    """.split()
)
"""Names that a protocol, torch or the public interface fixes."""

ALIASES = frozenset(
    {
        ("numpy", "np"),
        ("pandas", "pd"),
        ("matplotlib.pyplot", "plt"),
        ("torch.nn.functional", "F"),
        ("torch.nn.functional", "functional"),
        ("egoexobench", "ee"),
        ("hypothesis.strategies", "st"),
        ("hypothesis.extra.numpy", "hnp"),
    }
)
"""Imports under another name that every reader knows."""

PACKAGES = frozenset(
    """
    accelerate attr attrs av click cv2 datasets decord diffusers einops evaluate faiss fire flask
    fsspec h5py httpx huggingface_hub hydra hypothesis jax joblib librosa lightning llvmlite
    matplotlib networkx nltk numba numpy open_clip openai packaging pandas peft PIL pip platformdirs
    pluggy polars psutil pyarrow pydantic pytest regex requests rich safetensors scipy seaborn
    setuptools six sklearn sympy tensorflow threadpoolctl tokenizers torch torchaudio torchcodec
    torchmetrics torchvision tqdm transformers typer typing_extensions urllib3 wandb xxhash
    yaml
    """.split()
)
"""Packages that a reader thinks of when a module has their name."""

MODULES_ALLOWED = frozenset({"site", "types", "__init__", "__main__"})
"""``types`` is what mteb calls its values; ``site`` is a command, whose module has its name."""

_ISE = """
    optim normal standard summar recogn initial serial token organ minim maxim quant synchron visual
    vector random local general discret binar raster categor character parametr regular util custom
    emphas canonical capital central final formal harmon ideal itemic memor mobil modern polar
    popular priorit special stabil symbol usual anonym author equal penal real
    """.split()
_BRITISH = re.compile(
    rf"(?:de|un|re|pre)?(?:{'|'.join(_ISE)})is(?:e|ed|es|er|ers|ing|ation|ations|able)"
    r"|analys(?:e|ed|er|ing)|artefacts?|behaviou?r(?<!behavior)s?|(?:re)?centre[ds]?|centring"
    r"|colour\w*|favour\w*|flavour\w*|grey\w*|honour\w*|judgements?|neighbour\w*|rumour\w*"
    r"|(?:un|re)?labell(?:ed|ing|er)|modell(?:ed|ing)|cancell(?:ed|ing)|signall(?:ed|ing)"
    r"|travell(?:ed|ing)|licence[ds]?|defence|metres?|programmes?|towards|whilst"
)


def is_british(word: str) -> bool:
    """Whether American English spells a lower-case word another way."""
    return bool(_BRITISH.fullmatch(word))
