"""What the installation's report says of packages that are there, missing or too old."""

from importlib import metadata

import pytest

from coos_helpers import installation


@pytest.fixture
def needs(monkeypatch):
    return lambda *lines: monkeypatch.setattr(metadata, "requires", lambda _: list(lines))


def test_the_projects_own_needs_are_met_here():
    found = installation.needed()
    assert {r.name for r, _ in found} >= {"numpy", "torch", "scikit-learn", "packaging"}
    assert all(installation.suits(r, version) for r, version in found)
    assert installation.report().startswith(f"All {len(found)} packages are here: Python 3.")


def test_what_is_missing_or_too_old_is_named_with_the_command_that_mends_it(needs):
    needs("numpy>=999", "no-such-package>=2", "click")
    text = installation.report()
    assert f"numpy: found {metadata.version('numpy')}; expected numpy>=999." in text
    assert "no-such-package: found none; expected no-such-package>=2." in text
    assert "pip install 'numpy>=999' 'no-such-package>=2'\n" in text and "click" not in text


def test_extras_and_other_systems_are_not_asked_for(needs):
    needs('no-such-package; extra == "test"', 'none-such; sys_platform == "nowhere"', "Scikit_Learn")
    assert [r.name for r, _ in installation.needed()] == ["Scikit_Learn"]
    assert installation.needed()[0][1] == metadata.version("scikit-learn")


def test_a_pre_release_that_is_new_enough_suits(needs):
    needs("numpy>=2.0")
    ((requirement, _),) = installation.needed()
    assert installation.suits(requirement, "2.1.0rc1") and not installation.suits(requirement, "2.0.0rc1")
    assert not installation.suits(requirement, None)


def test_a_disk_that_is_nearly_full_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(installation.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1e9})())
    assert "Disk: 1 GB free. Make room: 3 GB are used." in installation.report(folder=tmp_path)
