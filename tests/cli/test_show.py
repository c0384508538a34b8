"""`egoexobench list` and `egoexobench show`."""

from click.testing import CliRunner

import egoexobench
from egoexobench.cli import main


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, arguments)
    return done.exit_code, done.output


def test_list_names_every_part_and_the_distribution_that_brings_it() -> None:
    code, text = run("list", "fusion")
    assert code == 0
    (line,) = [line for line in text.splitlines() if " sound-vision " in line]
    assert f"egoexobench {egoexobench.__version__}" in line
    assert "eq. 4" in line


def test_show_gives_options_with_types_and_defaults() -> None:
    code, text = run("show", "fusion", "sound-vision")
    assert code == 0
    assert "residual=query or none (default query)" in text
    assert "heads=a whole number (default 4)" in text


def test_show_gives_a_methods_recipe_and_what_it_reads() -> None:
    code, text = run("show", "method", "soundbridge")
    assert code == 0
    assert "anchor=sound-text" in text
    assert "a video embedding reads: video, audio" in text
    assert "a text embedding reads: narration, sound_caption" in text
    assert "a video embedding reads: audio\n" in run("show", "method", "audio-only")[1]


def test_show_says_of_a_setting_where_its_value_was_published() -> None:
    lines = run("show", "method", "egoexo")[1].splitlines()
    place = lines.index("  lr=3e-05")
    assert "EgoExoLearn" in lines[place + 1]
    assert "our_default.yml" in lines[place + 1]


def test_of_a_method_that_is_not_trained_show_gives_nothing_that_only_training_reads() -> None:
    text = run("show", "method", "frozen-in-time")[1]
    assert "nothing is trained" in text
    assert "epochs=" not in text


def test_show_lists_what_a_release_does_otherwise_than_its_paper() -> None:
    text = run("show", "method", "soundbridge-released")[1]
    assert "Differences from the paper:" in text
    assert "a video embedding reads: video, sound_caption" in text


def test_an_unknown_kind_or_name_exits_with_2() -> None:
    assert run("list", "encoders")[0] == 2
    code, text = run("show", "method", "soundbrigde")
    assert code == 2
    assert "Did you mean 'soundbridge'" in text


def test_a_plugin_option_that_is_no_block_exits_with_2() -> None:
    assert run("-p", "soundbridge", "list")[0] == 2
    assert run("-p", "no:nobody", "list")[0] == 2
