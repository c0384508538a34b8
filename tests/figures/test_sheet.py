"""A contact sheet shows every frame and marks its time on the waveform."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from telling_film import TellingFilm, render_film

from egoexobench.data.doctor.inspect_span import SpanInspection, inspect_span
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import DataError
from egoexobench.figures.drawing import CAPTION_COLOR
from egoexobench.figures.elements import MARGIN, WIDTH
from egoexobench.figures.sheet import write_sheet


def draw_film(
    film: TellingFilm, folder: Path, num_frames: int
) -> tuple[np.ndarray, SpanInspection]:
    path = render_film(film, folder / f"film.{film.suffix}")
    report, decoded = inspect_span(
        str(path), 2.0, 4.0, num_frames=num_frames, sampling=DEFAULT_SAMPLING
    )
    assert decoded is not None
    write_sheet(folder / "sheet.png", report, decoded)
    return np.asarray(Image.open(folder / "sheet.png").convert("RGB")), report


def find_marks(sheet: np.ndarray) -> list[int]:
    """Return the columns in which a line of the color of marks begins."""
    color = np.array([int(CAPTION_COLOR[i : i + 2], 16) for i in (1, 3, 5)])
    is_marked = (sheet == color).all(axis=2).sum(axis=0) > 50
    return np.flatnonzero(np.diff(is_marked.astype(int)) == 1).tolist()


@pytest.mark.parametrize("num_frames", [4, 9])
def test_every_frame_is_marked_at_its_time_on_the_waveform(tmp_path: Path, num_frames: int) -> None:
    film = TellingFilm(suffix="mkv", video="mpeg4", sounding=((2.8, 6.0),))
    sheet, report = draw_film(film, tmp_path, num_frames)
    assert sheet.shape[1] == WIDTH
    assert report.video is not None
    shares = [frame.offset / 2.0 for frame in report.video.frames]
    expected = [MARGIN + (WIDTH - 2 * MARGIN) * share for share in shares]
    assert find_marks(sheet) == pytest.approx(expected, abs=3)


def test_a_film_without_sound_has_a_sheet(tmp_path: Path) -> None:
    sheet, _ = draw_film(TellingFilm(suffix="mkv", video="mpeg4", audio=None), tmp_path, 4)
    assert len(find_marks(sheet)) == 4


def test_a_sheet_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = render_film(TellingFilm(suffix="mkv", video="mpeg4"), tmp_path / "film.mkv")
    report, decoded = inspect_span(str(path), 0.0, 1.0, num_frames=2, sampling=DEFAULT_SAMPLING)
    assert decoded is not None
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        write_sheet(tmp_path / "file" / "sheet.png", report, decoded)
