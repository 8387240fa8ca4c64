"""The examples of the README run."""

from __future__ import annotations

import re
from pathlib import Path

import langchain_core.load  # noqa: F401 - its import sets filters for warnings, stronger than ours
import pytest

README = Path(__file__).parents[2] / "client" / "README.md"


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_every_example_runs(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)

    for example in examples:
        code = compile(example.replace("localhost:50051", target), str(README), "exec")
        exec(code, names)  # noqa: S102 - our own examples

    assert len(examples) == 4
    assert names["again"] == names["compressor"]
    printed = capsys.readouterr().out
    assert "Its pyramid was built by I." in printed
    assert "It is so." in printed
    assert "'outcome': 'compressed'" in printed
