"""What must hold of profiles and runs."""

import re

import pytest
from conftest import write_release

from coos_helpers import profiles, simulate
from coos_helpers.data import DataError


def test_there_are_three_profiles_and_paper_is_the_papers():
    assert list(profiles.PROFILES) == ["smoke", "quick", "paper"]
    assert profiles.PROFILES["paper"] == {"scale": 1.0, "draws": 100}


@pytest.mark.parametrize("profile", ["", "fast", "Paper", None])
def test_an_unknown_profile_is_refused_with_the_known_ones(profile):
    with pytest.raises(ValueError, match=f"found the profile {profile!r}; expected one of smoke, quick, paper"):
        profiles.start(profile=profile)


def test_an_unknown_profile_is_refused_before_anything_is_made(monkeypatch, build_folder):
    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("simulated"))
    with pytest.raises(ValueError, match="profile"):
        profiles.start(profile="huge")
    assert not list(build_folder.iterdir())


def test_a_folder_without_a_training_set_is_refused(tmp_path):
    folder = write_release(tmp_path / "cells", ("test1", "test3"))
    with pytest.raises(DataError, match="cells: found only the splits test1, test3; expected a training set.*Add"):
        profiles.start(folder, "smoke")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_a_release_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="found (nothing there|no split)"):
        profiles.start(str(tmp_path / name), "smoke")


def test_a_folder_is_opened_as_it_is(tmp_path, monkeypatch, build_folder):
    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("simulated"))
    folder = write_release(tmp_path / "cells", ("train", "test2"), attrs={"source": "made up for a test"})
    run, release = profiles.start(folder, "smoke")
    assert list(release) == ["train", "test2"]
    assert (run.profile, run.settings["draws"]) == ("smoke", 2)
    assert re.fullmatch("cells-[0-9a-f]{6}-smoke", run.name)
    assert run.folder == build_folder / "runs" / run.name
    elsewhere = profiles.Run(str(tmp_path / "other" / "cells"), "smoke", {})
    assert elsewhere.name != run.name, "folders of one name must not share their results"
    assert profiles.caption(run, release) == "Data: made up for a test. Profile: smoke."


def test_simulated_cells_are_made_at_the_profiles_scale_and_named_as_such(monkeypatch, build_folder):
    calls = []

    def simulated(out, scale, seed):
        calls.append((scale, seed))
        return write_release(out)

    monkeypatch.setattr(simulate, "simulate", simulated)
    for profile, scale in (("smoke", 0.01), ("quick", 0.1), ("paper", 1.0)):
        run, release = profiles.start(profile=profile, seed=5)
        assert calls[-1] == (scale, 5)
        assert run.name == f"simulated-{profile}"
        assert release["train"].path.is_relative_to(build_folder)
        caption = profiles.caption(run, release)
        assert "simulated cells, not COOS-7" in caption and profile in caption


def test_a_home_folder_may_be_abbreviated(tmp_path, monkeypatch):
    write_release(tmp_path / "cells", ("train",))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    _, release = profiles.start("~/cells", "smoke")
    assert list(release) == ["train"]


def test_real_cells_are_named_by_their_source(real_cells):
    run, release = profiles.start(real_cells, "smoke")
    assert re.fullmatch("real-cells-[0-9a-f]{6}-smoke", run.name)
    assert "simulated" not in profiles.caption(run, release)
    assert release["train"].source in profiles.caption(run, release)
