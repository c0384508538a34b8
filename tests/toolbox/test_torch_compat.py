"""torchvision and torchaudio import beside any torch, and so does what imports them."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run_python(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own; folders are importable."""
    paths = "".join(f"import sys; sys.path.insert(0, {str(folder)!r})\n" for folder in folders)
    return subprocess.run(
        [sys.executable, "-c", paths + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_both_import_on_this_machine_and_do_what_we_use_of_them() -> None:
    result = run_python(
        """
        import egoexobench
        import torch
        from torchaudio.compliance.kaldi import fbank
        from torchaudio.functional import resample
        from torchvision.transforms import Compose, Normalize
        assert fbank(torch.randn(1, 16000), num_mel_bins=128).shape == (98, 128)
        assert resample(torch.randn(1, 48000), 48000, 16000).shape == (1, 16000)
        Compose([Normalize([0.5], [0.5])])
        """
    )
    assert result.returncode == 0, result.stderr


FAKE_PACKAGES = """
    import importlib.abc, importlib.util, sys, types

    class FakeFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        '''torchvision and torchaudio beside a torch that fits, or that does not.'''

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
    sys.meta_path.insert(0, FakeFinder())
"""


@pytest.mark.parametrize("error", ["OSError", "RuntimeError"])
def test_packages_that_do_not_fit_are_repaired(error: str) -> None:
    code = FAKE_PACKAGES.format(fits=False, error=error) + (
        """
    import egoexobench
    import torchaudio
    assert torchaudio.extension.__doc__.startswith("Placeholder")
    import torchvision
    """
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr


def test_packages_that_fit_are_not_changed() -> None:
    code = FAKE_PACKAGES.format(fits=True, error="OSError") + (
        """
    import egoexobench
    import torchaudio, torchvision
    assert not (torchaudio.extension.__doc__ or "").startswith("Placeholder")
    from egoexobench.toolbox import torch_compat
    assert torch_compat._LIBRARIES == []
    for module in (torchaudio, torchvision):
        assert type(module.__loader__) is type(module.__spec__.loader) is FakeFinder
    """
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr


def test_importing_egoexobench_imports_neither_torch_nor_the_packages() -> None:
    result = run_python(
        """
        import sys
        import egoexobench
        assert not {"torch", "torchvision", "torchaudio", "numpy"} & sys.modules.keys()
        """
    )
    assert result.returncode == 0, result.stderr


def test_the_hook_is_installed_once() -> None:
    result = run_python(
        """
        import sys
        import egoexobench
        from egoexobench.toolbox.torch_compat import install_import_hook
        before = list(sys.meta_path)
        install_import_hook()
        assert sys.meta_path == before
        """
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("package", ["torchvision", "torchaudio"])
def test_another_error_of_a_package_is_not_hidden(tmp_path: Path, package: str) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("import builtins\nraise builtins.error\n")
    result = run_python(
        f"""
        import builtins, importlib, sys
        import egoexobench
        for error in (ValueError("mine"), OSError("mine"), ImportError("mine")):
            builtins.error = error
            try:
                importlib.import_module({package!r})
            except Exception as raised:
                assert raised is error
                assert raised.__context__ is None
            else:
                raise SystemExit("no error")
            assert not [name for name in sys.modules if name.partition(".")[0] == {package!r}]
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr


def test_a_missing_dependency_of_a_package_is_reported_and_not_repaired(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "print('executed')\nimport no_such_module\n"
    )
    result = run_python(
        """
        import egoexobench
        try:
            import torchvision
        except ModuleNotFoundError as error:
            assert error.name == "no_such_module"
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "executed\n"


def test_a_package_that_is_not_installed_is_still_an_import_error() -> None:
    result = run_python(
        """
        import sys
        import egoexobench
        sys.path.clear()
        try:
            import torchaudio
        except ModuleNotFoundError as error:
            assert error.name == "torchaudio"
        else:
            raise SystemExit("no error")
        """
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("fails_first", [False, True])
def test_threads_that_import_at_once_all_get_the_complete_package(
    tmp_path: Path, fails_first: bool
) -> None:
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import time\nfrom torchaudio import _extension\ntime.sleep(0.5)\ncomplete = True\n"
    )
    error = "import time\ntime.sleep(0.2)\nraise OSError('no library')\n"
    (package / "_extension.py").write_text(error if fails_first else "")
    result = run_python(
        """
        import importlib
        from concurrent.futures import ThreadPoolExecutor
        import egoexobench
        def is_complete(name):
            return vars(importlib.import_module(name)).get("complete")
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(is_complete, ["torchaudio"] * 4))
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr


def write_plugin(folder: Path, top: str, inside: str) -> None:
    """Write a distribution with an encoder that imports at its top, or inside its factory."""
    (folder / "foreign.py").write_text(
        textwrap.dedent(
            f'''
            """A plug-in that has never heard of a compatibility module."""
            from egoexobench import hookimpl
            {top}

            @hookimpl
            def register_encoders(register):
                register("foreign", foreign)

            def foreign():
                """Nothing but imports."""
                {inside}
                return "created"
            '''
        )
    )
    information = folder / "foreign-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[egoexobench]\nforeign = foreign\n")


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("import open_clip", "top"),
        ("from transformers import ClapModel, VideoMAEModel", "factory"),
        ("import torchvision", "factory"),
        ("import torchaudio", "top"),
    ],
)
def test_a_plugin_imports_what_it_wants_where_it_wants(
    tmp_path: Path, statement: str, position: str
) -> None:
    at_top = position == "top"
    write_plugin(tmp_path, statement if at_top else "", "" if at_top else statement)
    result = run_python(
        """
        from egoexobench.registry import Registry
        registry = Registry()
        assert registry.broken == [], registry.broken
        assert registry.create("encoder", "foreign") == "created"
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
