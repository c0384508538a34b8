"""The torchvision and torchaudio wheels import whatever torch they meet."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )


def test_both_import_on_this_machine_and_do_what_we_use_of_them() -> None:
    done = _python(
        """
        from egoexobench import wheels
        wheels.load_both()
        import torch
        from torchaudio.compliance.kaldi import fbank
        from torchaudio.functional import resample
        from torchvision.transforms import Compose, Normalize
        assert fbank(torch.randn(1, 16000), num_mel_bins=128).shape == (98, 128)
        assert resample(torch.randn(1, 48000), 48000, 16000).shape == (1, 16000)
        Compose([Normalize([0.5], [0.5])])
        """
    )
    assert done.returncode == 0, done.stderr


BROKEN = """
    import importlib.abc, importlib.util, sys, types

    class Stub(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        '''torchvision and torchaudio beside a torch that does not fit, or that does.'''

        def find_spec(self, name, path=None, target=None):
            if name in ("torchvision", "torchaudio", "torchaudio._extension"):
                return importlib.util.spec_from_loader(name, self, is_package=name == "torchaudio")

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            if module.__name__ == "torchvision":
                import torch
                if FITS:
                    return
                for name in ("nms", "qnms"):  # what the real one does, and where it fails
                    torch.library.register_fake("torchvision::" + name)(lambda *_: None)
            if module.__name__ == "torchaudio":
                from torchaudio import _extension
                module.extension = _extension
            if module.__name__ == "torchaudio._extension" and not FITS:
                raise ERROR("libcudart.so: cannot open shared object file")

    FITS, ERROR = {fits}, {error}
    sys.meta_path.insert(0, Stub())
"""


@pytest.mark.parametrize("error", ["OSError", "RuntimeError"])
def test_wheels_that_do_not_fit_are_mended(error: str) -> None:
    code = BROKEN.format(fits=False, error=error) + (
        """
    from egoexobench import wheels
    assert wheels.load("torchaudio").extension.__doc__.startswith("Stand-in")
    wheels.load("torchvision")
    """
    )
    done = _python(code)
    assert done.returncode == 0, done.stderr


def test_wheels_that_fit_are_left_alone() -> None:
    code = BROKEN.format(fits=True, error="OSError") + (
        """
    from egoexobench import wheels
    assert not (wheels.load("torchaudio").extension.__doc__ or "").startswith("Stand-in")
    wheels.load("torchvision")
    assert wheels._kept == []
    """
    )
    done = _python(code)
    assert done.returncode == 0, done.stderr


def test_open_clip_and_transformers_import_after_it() -> None:
    done = _python(
        """
        from egoexobench import wheels
        wheels.load_both()
        import open_clip
        from transformers import ClapConfig, VideoMAEConfig
        """
    )
    assert done.returncode == 0, done.stderr


def test_who_asks_while_another_imports_gets_the_whole_package(tmp_path: Path) -> None:
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text("import time\ntime.sleep(0.5)\nwhole = True\n")
    done = _python(
        f"""
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from egoexobench import wheels
        sys.path.insert(0, {str(tmp_path)!r})
        def whole(name):
            return vars(wheels.load(name)).get("whole")  # as this one finds it
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(whole, ["torchaudio"] * 4))
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_package_that_is_not_installed_is_still_an_import_error() -> None:
    done = _python(
        """
        import sys
        sys.modules["torchaudio"] = None
        from egoexobench import wheels
        del sys.modules["torchaudio"]
        sys.meta_path.clear()
        try:
            wheels.load("torchaudio")
        except ModuleNotFoundError:
            raise SystemExit(0)
        raise SystemExit("no error")
        """
    )
    assert done.returncode == 0, done.stderr
