"""Fixtures: those of Tests/EndToEnd, whose harness is used here, too."""
import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
END_TO_END = os.path.join(os.path.dirname(HERE), "EndToEnd")
sys.path[:0] = [HERE, END_TO_END]

_found = importlib.util.spec_from_file_location("end_to_end_conftest", os.path.join(END_TO_END, "conftest.py"))
_shared = importlib.util.module_from_spec(_found)
_found.loader.exec_module(_shared)

authority = _shared.authority
pytest_runtest_makereport = _shared.pytest_runtest_makereport


@pytest.fixture(scope="module")
def run(authority):
    """Runs a recipe until the module's last test: run(Flask, server="nginx")."""
    with _shared.keeping() as keep:
        yield lambda recipe, **options: keep(recipe(authority, **options))
