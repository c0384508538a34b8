"""From a TOML file to cells, and the sweeps of this repository."""

from pathlib import Path

import pytest

from egoexobench.errors import DataError, RenamedWarning, UsageError
from egoexobench.leaderboard import reported
from egoexobench.registry import Registry
from egoexobench.sweep.plan import SweepOverrides, deduplicate_cells, expand_sweep
from egoexobench.sweep.schema import read_sweep

SHIPPED = Path(__file__).parents[2] / "leaderboards" / "sweeps"
SWEEP_HEAD = """
schema_version = 1
table = 4
title = "A table"
label = "Method"
seeds = [0, 1]
[[groups]]
key = "whole"
label = "Films"
dataset = "synthetic:train=8,val=4,test=24"
columns = ["eg2ex", "avg"]
[[groups]]
key = "mute"
label = "Silent films"
dataset = "synthetic:train=8,val=4,test=24,sound=0"
columns = ["t2v"]
"""
SWEEP_ROW = """
[[rows]]
key = "one"
label = "One"
method = "soundbridge"
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


def write_sweep(folder: Path, *texts: str) -> Path:
    path = folder / "sweep.toml"
    path.write_text("".join((SWEEP_HEAD, SWEEP_ROW, *texts)))
    return path


def format_row(key: str, settings: str, method: str = "soundbridge") -> str:
    return f'[[rows]]\nkey = "{key}"\nlabel = "{key}"\nmethod = "{method}"\n{settings}\n'


def test_a_grid_is_every_row_on_every_data_set_with_every_seed(
    tmp_path: Path, registry: Registry
) -> None:
    text = format_row("two", 'groups = ["mute"]\nset = { anchor = "sound" }')
    plan = expand_sweep(read_sweep(write_sweep(tmp_path, text)), SweepOverrides(), registry)
    assert {key: len(cells) for key, cells in plan.cells.items()} == {
        ("one", "whole"): 2, ("one", "mute"): 2, ("two", "mute"): 2,
    }  # fmt: skip
    keys = [cell.fingerprint for cells in plan.cells.values() for cell in cells]
    assert len(set(keys)) == 6
    assert plan.cells["one", "whole"][0].tasks == ("eg2ex",)


def test_numbers_and_booleans_of_toml_are_settings_like_texts(tmp_path: Path) -> None:
    values = 'set = { epochs = 2, lr = 0.01, share_view_weights = true, anchor = "sound" }'
    sweep = read_sweep(write_sweep(tmp_path, format_row("two", values)))
    assert sweep.rows[-1].overrides == {
        "epochs": "2",
        "lr": "0.01",
        "share_view_weights": "true",
        "anchor": "sound",
    }


def test_an_old_name_in_a_sweep_works_and_warns(tmp_path: Path, registry: Registry) -> None:
    text = format_row("two", 'groups = ["whole"]\nset = { fuse_video = "none", blocks = "2" }')
    with pytest.warns(RenamedWarning, match="'blocks' is now 'num_layers', 'fuse_video' is now"):
        sweep = read_sweep(write_sweep(tmp_path, text))
    cells = expand_sweep(sweep, SweepOverrides(), registry).cells["two", "whole"]
    overrides = (("num_layers", "2"), ("project", "true"), ("video_fusion", "none"))
    assert cells[0].overrides == overrides


def test_a_method_without_training_has_one_seed(tmp_path: Path, registry: Registry) -> None:
    plan = expand_sweep(
        read_sweep(
            write_sweep(tmp_path, format_row("near", 'groups = ["whole"]', "logmel-neighbor"))
        ),
        SweepOverrides(),
        registry,
    )
    assert len(plan.cells["near", "whole"]) == 1


def test_cells_of_two_tables_run_once_with_the_tasks_of_both(
    tmp_path: Path, registry: Registry
) -> None:
    plan = expand_sweep(read_sweep(write_sweep(tmp_path)), SweepOverrides(), registry)
    path = write_sweep(tmp_path)
    path.write_text(path.read_text().replace('["eg2ex", "avg"]', '["v2t", "ex2eg"]'))
    other = expand_sweep(read_sweep(path), SweepOverrides(seeds=(1, 2)), registry)
    cells = deduplicate_cells([plan, other])
    assert {(cell.dataset, cell.fingerprint.seed, cell.tasks) for cell in cells} == {
        ("synthetic:train=8,val=4,test=24", 0, ("eg2ex",)),
        ("synthetic:train=8,val=4,test=24", 1, ("eg2ex", "ex2eg", "v2t")),
        ("synthetic:train=8,val=4,test=24", 2, ("ex2eg", "v2t")),
        *(("synthetic:train=8,val=4,test=24,sound=0", seed, ("t2v",)) for seed in range(3)),
    }


def test_cells_share_their_data_and_with_one_captioner_its_captions(
    tmp_path: Path, registry: Registry
) -> None:
    text = format_row("other", 'groups = ["whole"]\nset = { captioner = "rules:frequent=0.5" }')
    text += format_row("none", 'groups = ["whole"]', "egoexo")
    cells = expand_sweep(read_sweep(write_sweep(tmp_path, text)), SweepOverrides(), registry).cells
    row_spec, other, none = (cells[key, "whole"][0] for key in ("one", "other", "none"))
    assert none.cache_keys == {none.fingerprint.dataset} == row_spec.cache_keys & other.cache_keys
    assert row_spec.cache_keys == cells["one", "whole"][1].cache_keys
    assert len(row_spec.cache_keys) == len(other.cache_keys) == 2


def test_another_spelling_of_the_same_method_is_the_same_run(
    tmp_path: Path, registry: Registry
) -> None:
    text = format_row("same", 'set = { anchor = "sound-text" }', "soundbridge:residual=query")
    plan = expand_sweep(read_sweep(write_sweep(tmp_path, text)), SweepOverrides(), registry)
    assert len(deduplicate_cells([plan])) == 4


def test_two_folders_of_equal_tables_are_two_runs_because_their_media_may_differ(
    tmp_path: Path, registry: Registry
) -> None:
    header = "pair,view,split,media,narration\n"
    rows = [f"p{n},{v},test,{v}{n}.mp4,cut\n" for n in range(2) for v in ("ego", "exo")]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clips.csv").write_text(header + "".join(rows))
    sweep = read_sweep(write_sweep(tmp_path))
    plans = [
        expand_sweep(
            sweep, SweepOverrides(dataset=f"folder:path={tmp_path / name}", seeds=(0,)), registry
        )
        for name in ("a", "b")
    ]
    cells = deduplicate_cells(plans)
    assert len({cell.fingerprint for cell in cells}) == 1
    assert [Path(cell.dataset.partition("=")[2]).name for cell in cells] == ["a", "b"]
    assert len(deduplicate_cells([plans[0], plans[0]])) == 1


def test_another_data_set_replaces_the_first_group_and_drops_the_others(
    tmp_path: Path, registry: Registry
) -> None:
    new = "synthetic:train=4,val=4,test=24"
    plan = expand_sweep(
        read_sweep(write_sweep(tmp_path)), SweepOverrides(dataset=new, seeds=(7,)), registry
    )
    assert [(cell.dataset, cell.fingerprint.seed) for cell in deduplicate_cells([plan])] == [
        (new, 7)
    ]
    assert [group.label for group in plan.sweep.groups] == [new]


def test_a_row_of_transfer_is_trained_on_the_other_data(tmp_path: Path, registry: Registry) -> None:
    text = format_row("star", 'transfer = true\ngroups = ["whole"]')
    other = "synthetic:train=12,val=4,test=24"
    plan = expand_sweep(read_sweep(write_sweep(tmp_path, text)), SweepOverrides(), registry)
    assert plan.unavailable["star", "whole"].endswith("name one with --train-on")
    printed = expand_sweep(
        read_sweep(write_sweep(tmp_path, text)), SweepOverrides(train_on=other), registry
    )
    own, star = printed.cells["one", "whole"][0], printed.cells["star", "whole"][0]
    assert (own.train_on, star.train_on) == (None, other)
    assert star.fingerprint == own.fingerprint._replace(
        training_dataset=star.fingerprint.training_dataset
    )
    assert star.fingerprint.training_dataset != own.fingerprint.training_dataset


@pytest.mark.parametrize("more", ['scale = "paper"', 'set = { anchor = "tone" }'])
def test_a_missing_part_is_an_error_unless_the_row_has_needs(
    tmp_path: Path, registry: Registry, more: str
) -> None:
    text = format_row("big", more, "audio-only")
    with pytest.raises(UsageError):
        expand_sweep(read_sweep(write_sweep(tmp_path, text)), SweepOverrides(), registry)
    plan = expand_sweep(
        read_sweep(write_sweep(tmp_path, text, 'needs = "weights"\n')), SweepOverrides(), registry
    )
    assert set(plan.unavailable) == {("big", "whole"), ("big", "mute")}
    assert ("one", "whole") in plan.cells


PREDICTION = '[[predict]]\ntext = "x"\ngroup = "{}"\ncolumns = ["{}"]\nclaim = "{}"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1\n", "colour"),
        (SWEEP_ROW, "same key"),
        (format_row("two", 'groups = ["loud"]'), "unknown group 'loud'"),
        (format_row("Two", ""), "key"),
        (PREDICTION.format("whole", "t2v", "one > chance"), "columns that do not exist"),
        (PREDICTION.format("whole", "eg2ex", "one > two"), "rows that do not exist"),
        (PREDICTION.format("whole", "eg2ex", "one beats two"), "a claim is"),
        ('[[groups]]\nkey = "g"\nlabel = "g"\ndataset = "d"\ncolumns = ["avg"]\n', "needs a task"),
        ("[[rows", "is not TOML"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line_that_names_it(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write_sweep(tmp_path, text)
    with pytest.raises(DataError, match=r"sweep\.toml") as error:
        read_sweep(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", range(1, 7))
def test_each_shipped_table_has_every_printed_row_once_and_in_order(number: int) -> None:
    path = SHIPPED / f"table{number}.toml"
    sweep = read_sweep(path)
    printed = reported.read_reported_table(path.parent / str(sweep.reported))
    assert sweep.table == printed.table == number
    assert [r.reported for r in sweep.rows if r.reported] == [r.name for r in printed.rows]


@pytest.mark.parametrize("number", range(1, 7))
def test_a_shipped_row_has_the_method_of_the_printed_row(number: int) -> None:
    path = SHIPPED / f"table{number}.toml"
    sweep = read_sweep(path)
    rows = {r.name: r for r in reported.read_reported_table(path.parent / str(sweep.reported)).rows}
    for row_spec in sweep.rows:
        if row_spec.reported:
            printed = rows[row_spec.reported]
            assert (row_spec.method, row_spec.overrides) == (printed.method, printed.overrides), (
                row_spec.key
            )
            assert row_spec.transfer == printed.transfer


@pytest.mark.parametrize("number", range(1, 7))
def test_every_shipped_row_that_needs_nothing_can_be_planned(
    number: int, registry: Registry
) -> None:
    sweep = read_sweep(SHIPPED / f"table{number}.toml")
    small = SweepOverrides(dataset="synthetic:train=8,val=4,test=24", seeds=(0,))
    plan = expand_sweep(sweep, small, registry)
    for row_spec in sweep.rows:
        if not row_spec.needs and not row_spec.transfer:
            assert (row_spec.key, plan.sweep.groups[0].key) in plan.cells


def test_tables_4_and_6_predict_and_have_five_seeds() -> None:
    for number in (4, 6):
        sweep = read_sweep(SHIPPED / f"table{number}.toml")
        assert sweep.predict
        assert len(sweep.seeds) == 5


def test_old_names_of_metrics_policies_and_settings_work_with_one_warning(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, format_row("old", 'set = { fuse_video = "none" }'))
    old = path.read_text().replace('columns = ["t2v"]', 'columns = ["t2v"]\nmetric = "top5"', 1)
    path.write_text(old.replace("[[rows]]", 'policy = "either"\n[[rows]]', 1))
    with pytest.warns(FutureWarning) as warnings:
        sweep = read_sweep(path)
    group = sweep.groups[1]
    assert (group.metric, group.policy) == ("hit_rate_at_5", "both-views")
    assert sweep.rows[1].overrides == {"video_fusion": "none"}
    (message,) = [str(warning.message) for warning in warnings]
    assert message.endswith(
        "'either' is now 'both-views', 'fuse_video' is now 'video_fusion', "
        "'top5' is now 'hit_rate_at_5'"
    )
