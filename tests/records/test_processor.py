import sys
from pathlib import Path

import pytest

from egoexobench.records import processor
from egoexobench.records.environment import collect_environment


@pytest.fixture
def cpu_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nvendor_id\t: Maker\nmodel name\t: Chip: 9\n\nprocessor\t: 1\n")
    monkeypatch.setattr(processor, "_CPU_INFO", path)
    return path


def test_the_processor_has_its_model_and_the_instruction_set_of_torch(
    cpu_info: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    assert torch.backends.cpu.get_cpu_capability() in str(processor.describe_processor())
    monkeypatch.delitem(sys.modules, "torch")
    assert processor.describe_processor() == "Chip: 9"
    assert processor.read_processor_field("vendor_id") == "Maker"


def test_a_system_without_that_file_has_no_field(
    cpu_info: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_info.unlink()
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert processor.read_processor_field("vendor_id") == ""
    assert processor.describe_processor() is None


def test_an_environment_names_the_processor(cpu_info: Path) -> None:
    assert str(collect_environment(()).processor).startswith("Chip: 9")
