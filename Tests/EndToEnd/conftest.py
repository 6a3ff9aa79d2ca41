"""Fixtures: one site for the tests that need nothing special, and a way to make others."""
import contextlib
import os
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness.pki import Authority  # noqa: E402
from harness.site import Site  # noqa: E402

_sites = []


@contextlib.contextmanager
def keeping():
    """Gives `keep(site)`: its logs are shown when a test fails, and in the end it must end well."""
    kept = []

    def keep(site):
        kept.append(site)
        _sites.append(site)
        return site

    try:
        yield keep
        for site in kept:
            site.assert_ends_well()
    except BaseException:
        print(*(site.logs() for site in kept))
        raise
    finally:
        for site in kept:
            site.close()
            _sites.remove(site)


@pytest.fixture(scope="session")
def authority():
    with tempfile.TemporaryDirectory(prefix="postern-ca-") as folder:
        yield Authority(folder)


def pytest_generate_tests(metafunc):
    """A file that names several FRONTS runs its tests with each of these web servers; NGINX_ONLY are left out."""
    if "front" in metafunc.fixturenames:
        fronts = getattr(metafunc.module, "FRONTS", ["nginx"])
        only = getattr(metafunc.function, "fronts", fronts)
        metafunc.parametrize("front", [front for front in fronts if front in only], scope="session")


@pytest.fixture(scope="session")
def shared_site(authority, front):
    with keeping() as keep:
        yield keep(Site(authority, front=front))


@pytest.fixture
def site(shared_site):
    """The shared site, its provider as good as new. The process must be the same before and after, and no secret be
    told."""
    shared_site.provider.reset()
    pid, start = shared_site.postern.pid, len(shared_site.postern.log)
    yield shared_site
    assert shared_site.postern.is_running() and shared_site.postern.pid == pid, "postern has ended"
    shared_site.assert_is_discreet(start)


@pytest.fixture
def make_site(authority, front):
    """Makes a site of one's own: make_site({"session": {...}}, provider=…)."""
    with keeping() as keep:
        yield lambda changes=None, **options: keep(Site(authority, changes, **{"front": front, **options}))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails shows the logs of every server that runs."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for site in _sites:
            report.sections.append(("server logs", site.logs()))
