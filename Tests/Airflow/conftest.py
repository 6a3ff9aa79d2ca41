"""Fixtures: those of the end-to-end tests, and real Airflows and browsers that several tests share."""
import importlib.util
import os
import re
import sys

import pytest

END_TO_END = os.path.join(os.path.dirname(__file__), "..", "EndToEnd")
sys.path[:0] = [os.path.dirname(__file__), os.path.abspath(END_TO_END)]

_spec = importlib.util.spec_from_file_location("end_to_end_fixtures", os.path.join(END_TO_END, "conftest.py"))
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

authority, make_site = _fixtures.authority, _fixtures.make_site
pytest_generate_tests = _fixtures.pytest_generate_tests

_airflows, _windows = [], []


@pytest.fixture(scope="session")
def make_airflow():
    """Makes an Airflow that runs until the last test: make_airflow(3, environment={…}, files={…})."""
    from real_airflow import Airflow

    def make(*arguments, **options):
        airflow = Airflow(*arguments, **options)
        _airflows.append(airflow)
        return airflow

    yield make
    for airflow in _airflows:
        airflow.close()
    _airflows.clear()


@pytest.fixture(scope="session")
def make_lasting_site(authority):
    """Makes a site that runs until the last test, and must end well as every site."""
    from harness.site import Site

    with _fixtures.keeping() as keep:
        yield lambda *arguments, **options: keep(Site(authority, *arguments, **options))


@pytest.fixture(scope="module")
def make_window():
    """Makes a real browser for a site: make_window(site, provider)."""
    from window import Window

    def make(*arguments):
        window = Window(*arguments)
        _windows.append(window)
        return window

    yield make
    for window in _windows:
        window.close()
    _windows.clear()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails, or does not come as far, shows the logs of every server that runs, and the browsers' pages."""
    outcome = yield
    report = outcome.get_result()
    if report.when in ("setup", "call") and report.failed:
        for shown in [*_fixtures._sites, *_airflows]:
            report.sections.append(("server logs", shown.logs()))
        for window in (window for window in _windows if window.is_open):
            report.sections.append(("browser", window.failed(re.sub(r"\W+", "-", item.name).strip("-"))))
