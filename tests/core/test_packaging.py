from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

_HEAVY = "torch", "numpy", "transformers", "sentence_transformers", "faiss", "grpc", "openai"
_NOT_THE_CLIENTS = "torch", "numpy", "compressors", "service", "langchain_core"


@pytest.mark.parametrize("package", ["compressors", "retrieval", "service"])
def test_no_other_distribution_claims_our_names(package: str) -> None:
    # An editable installation claims no names, so that the set may be empty.
    assert set(packages_distributions().get(package, ())) <= {"condensery-server"}


@pytest.mark.parametrize("module", ["compressors", "service.cli", "service.settings"])
def test_imports_nothing_heavy(module: str) -> None:
    program = f"import {module}, sys; print(*(set({_HEAVY}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.split() == []


def test_the_client_needs_neither_torch_nor_the_server() -> None:
    program = f"import condensery, sys; print(*(set({_NOT_THE_CLIENTS}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.split() == []
