"""`egoexobench list` and `egoexobench show`."""

from click.testing import CliRunner

import egoexobench
from egoexobench.cli import main
from egoexobench.method import ALIGNMENT_METRIC, VALIDATION_METRIC


def run_cli(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def test_list_names_every_part_and_its_distribution() -> None:
    code, text = run_cli("list", "fusion")
    assert code == 0
    (line,) = [line for line in text.splitlines() if " sound-vision " in line]
    assert f"egoexobench {egoexobench.__version__}" in line
    assert "eq. 4" in line


def test_show_prints_options_with_types_and_defaults() -> None:
    code, text = run_cli("show", "fusion", "sound-vision")
    assert code == 0
    assert "residual=query or none (default query)" in text
    assert "heads=a whole number (default 4)" in text


def test_show_prints_what_a_fusion_gives_without_a_query_and_what_nothing_trains() -> None:
    text = " ".join(run_cli("show", "fusion", "sound-vision")[1].split())
    assert "gives the mean of the context tokens, up to the length of the vector (context-m" in text
    assert "With one context token, nothing trains attention.in_proj_weight:query, atten" in text


def test_show_prints_the_parts_and_inputs_of_a_method() -> None:
    code, text = run_cli("show", "method", "soundbridge")
    assert code == 0
    assert "anchor=sound-text" in text
    assert "a video embedding reads: video, audio" in text
    assert "a text embedding reads: narration, sound_caption" in text
    assert "a video embedding reads: audio\n" in run_cli("show", "method", "audio-only")[1]


def test_show_prints_the_options_of_a_method_that_needs_one_to_have_parts() -> None:
    code, text = run_cli("show", "method", "mteb")
    assert code == 0, text
    assert "model=text (required)" in text
    assert "At scale" not in text


def test_show_prints_the_source_of_a_published_setting() -> None:
    lines = run_cli("show", "method", "egoexo")[1].splitlines()
    position = lines.index("  lr=3e-05")
    assert "EgoExoLearn" in lines[position + 1]
    assert "our_default.yml" in lines[position + 1]


def test_show_prints_no_training_setting_of_a_method_that_is_not_trained() -> None:
    text = run_cli("show", "method", "frozen-in-time")[1]
    assert "nothing is trained" in text
    assert "epochs=" not in text


def test_show_states_the_rules_of_training_that_no_setting_shows() -> None:
    text = " ".join(run_cli("show", "method", "soundbridge")[1].split())
    assert text.count(f"epoch: the one with the best {VALIDATION_METRIC} on split val") == 3
    assert text.count("weight decay: on matrices alone") == 3
    assert "LaViLa's form of that network" in text
    assert "epoch: the one" not in run_cli("show", "method", "frozen-in-time")[1]


def test_show_states_how_the_epoch_of_an_objective_on_sequences_is_chosen() -> None:
    text = " ".join(run_cli("show", "method", "ae2")[1].split())
    assert text.count(f"epoch: the one with the best {ALIGNMENT_METRIC} on split val") == 2
    assert VALIDATION_METRIC not in text


def test_show_hides_settings_that_no_part_reads() -> None:
    text = run_cli("show", "method", "egoexo")[1]
    assert "video_query=" not in text
    assert "audio_alignment=" not in text
    assert "embed_dim=" not in run_cli("show", "method", "videomae-v2")[1]
    assert "video_query=audio" in run_cli("show", "method", "soundbridge")[1]


def test_show_breaks_long_sources_into_lines() -> None:
    lines = run_cli("show", "method", "soundbridge")[1].splitlines()
    assert max(map(len, lines)) <= 100


def test_show_lists_the_differences_of_a_release_from_its_paper() -> None:
    text = run_cli("show", "method", "soundbridge-released")[1]
    assert "Differences from the paper:" in text
    assert "a video embedding reads: video, sound_caption" in text


def test_an_unknown_kind_or_name_exits_with_2() -> None:
    assert run_cli("list", "encoders")[0] == 2
    code, text = run_cli("show", "method", "soundbrigde")
    assert code == 2
    assert "Did you mean 'soundbridge'" in text


def test_a_plugin_option_that_is_no_block_exits_with_2() -> None:
    assert run_cli("-p", "soundbridge", "list")[0] == 2
    assert run_cli("-p", "no:nobody", "list")[0] == 2
