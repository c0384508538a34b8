"""The leaderboard page: what a reader must see, and what must not act."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from egoexobench.site.build import render_site
from egoexobench.site.inputs import load_site_inputs

WriteRun = Callable[..., Path]
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e'\""
LEADERBOARDS = Path(__file__).parents[2] / "leaderboards"


def render_board(*paths: Path, root: Path | None = None) -> str:
    return render_site(load_site_inputs(paths, root))["index.html"].decode()


def find_row(page: str, label: str) -> str:
    """The first row of a method, without the bars."""
    (row,) = re.findall(
        rf'<tr data-row(?:(?!</tr>).)*<span class="label">{re.escape(label)}.*?</tr>', page, re.S
    )[:1]
    return re.sub(r"<svg.*?</svg>", "", row, flags=re.S)


def test_the_best_row_is_bold_and_a_row_that_no_test_separates_from_it_is_marked(
    write_run: WriteRun, tmp_path: Path
) -> None:
    write_run("soundbridge", num_right=18)
    write_run("egoexo", num_right=17)
    write_run("video-only", num_right=2)
    page = render_board(tmp_path / "runs")
    assert '<strong>90.0</strong><span class="mark"></span>' in find_row(page, "soundbridge")
    assert '85.0<span class="mark">≈</span>' in find_row(page, "egoexo")
    assert '10.0<span class="mark"></span>' in find_row(page, "video-only")


def test_a_method_that_is_not_trained_has_an_interval_and_no_deviation_of_zero(
    write_run: WriteRun, tmp_path: Path
) -> None:
    for seed in (0, 1):
        write_run("logmel-neighbor", seed, checkpoint_selection=None)
    page = render_board(tmp_path / "runs")
    assert "not trained" in find_row(page, "logmel-neighbor")
    assert 'aria-label="95 % interval 45.0 to 55.0"' in page
    assert "± 0" not in page


def test_chance_and_oracle_stand_in_a_body_of_their_own_that_is_not_sorted(
    write_run: WriteRun, tmp_path: Path
) -> None:
    write_run()
    page = render_board(tmp_path / "runs")
    methods, references = re.findall(r"<tbody.*?</tbody>", page, re.S)[:2]
    for name in ("chance", "oracle"):
        assert f'<th scope="row">{name} ' in references
        assert f'<th scope="row">{name} ' not in methods
    assert references.startswith('<tbody class="references">')


@pytest.mark.parametrize("field", ["method", "dataset"])
def test_a_hostile_name_is_text(write_run: WriteRun, tmp_path: Path, field: str) -> None:
    write_run(**{field: HOSTILE})
    files = render_site(load_site_inputs([tmp_path / "runs"]))
    for path, content in files.items():
        assert b"<img" not in content, path
        assert "\u202e" not in content.decode(), path
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e" in files["index.html"].decode()


def test_committed_rows_are_shown_with_what_was_checked() -> None:
    page = render_board(root=LEADERBOARDS)
    row = find_row(page, "soundbridge")
    assert "· verified · audited" in row
    assert "seeds 0 1 2 3 4" in row
    assert "<strong>50.6</strong>" in row
    assert 'data-verified="yes" data-audited="yes"' in row


def test_the_data_set_of_the_runs_comes_before_committed_rows(
    write_run: WriteRun, tmp_path: Path
) -> None:
    write_run(dataset="zoo")
    page = render_board(tmp_path / "runs", root=LEADERBOARDS)
    assert re.findall(r"<h2.*?<code>(.*?)</code>", page) == ["zoo", "synthetic:size=standard"]


def test_each_seed_links_the_page_of_its_run(write_run: WriteRun, tmp_path: Path) -> None:
    paths = [write_run("egoexo", seed) for seed in (0, 1)]
    row = find_row(render_board(tmp_path / "runs"), "egoexo")
    assert re.findall(r'href="([^"]+)">(\d)', row) == [
        (f"runs/{path.stem}.html", str(seed)) for seed, path in enumerate(paths)
    ]


def test_runs_that_cannot_share_a_row_have_one_each_and_a_reason(
    write_run: WriteRun, tmp_path: Path
) -> None:
    write_run("egoexo", 0)
    path = write_run("egoexo", 1)
    text = path.read_text().replace('"fingerprint": "method egoexo None"', '"fingerprint": "other"')
    path.write_text(re.sub(r',\s*"checksum": "\w+"', "", text))
    page = render_board(tmp_path / "runs")
    table = page[page.index("<tbody") : page.index("</tbody>")]
    assert table.count("<tr data-row") == 2
    assert "were made with different versions of the method" in page


def test_a_table_can_be_copied_without_a_script(write_run: WriteRun, tmp_path: Path) -> None:
    write_run()
    texts = re.findall(r"<textarea.*?>\n(.*?)</textarea>", render_board(tmp_path / "runs"), re.S)
    table, latex, bibtex = texts[:3]
    assert table.startswith("origin,source,dataset,policy,task,metric")
    assert r"\begin{table" in latex
    assert "@inproceedings{huang2025soundbridge," in bibtex
