"""What must hold of profiles and runs."""

import dataclasses
import re

import pytest
from conftest import memory_split, write_release

from coos_helpers import runs, simulate
from coos_helpers.data import DataError


def test_there_are_four_profiles_and_paper_is_the_papers():
    assert list(runs.PROFILES) == ["smoke", "quick", "evening", "paper"]
    assert runs.PROFILES["paper"] == {"scale": 1.0, "draws": 100, "search": "random"}


@pytest.mark.parametrize("profile", ["", "fast", "Paper", None])
def test_an_unknown_profile_is_refused_before_anything_is_made(monkeypatch, build_folder, profile):
    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("simulated"))
    with pytest.raises(
        ValueError, match=f"found the profile {profile!r}; expected one of smoke, quick, evening, paper"
    ):
        runs.start(profile=profile)
    assert not list(build_folder.iterdir())


def test_a_folder_without_a_release_or_a_training_set_is_refused(tmp_path):
    write_release(tmp_path / "cells", ("test1", "test3"))
    for name, found in (
        ("nowhere", "nothing there"),
        (".", "no split"),
        ("cells", "only the splits test1, test3;.*Add"),
    ):
        with pytest.raises(DataError, match=f"found {found}"):
            runs.start(str(tmp_path / name), "smoke")


def test_a_folder_is_opened_as_it_is(tmp_path, monkeypatch, build_folder):
    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("simulated"))
    folder = write_release(tmp_path / "cells", ("train", "test2"), attrs={"source": "made up for a test"})
    run, release = runs.start(folder, "smoke")
    assert list(release) == ["train", "test2"]
    assert (run.profile, run.settings["draws"]) == ("smoke", 2)
    assert re.fullmatch("cells-[0-9a-f]{6}-smoke", run.name)
    assert run.folder == build_folder / "runs" / run.name
    elsewhere = runs.Run(str(tmp_path / "other" / "cells"), "smoke", {})
    assert elsewhere.name != run.name, "folders of one name must not share their results"
    assert runs.caption(run, release) == "Data: made up for a test. Profile: smoke."


def test_simulated_cells_are_made_at_the_profiles_scale_and_named_as_such(monkeypatch, build_folder):
    calls = []
    monkeypatch.setattr(simulate, "simulate", lambda out, **of: calls.append(of) or write_release(out))
    for profile, scale in (("smoke", 0.006), ("quick", 0.1), ("paper", 1.0)):
        run, release = runs.start(profile=profile, seed=5)
        assert calls[-1] == {"scale": scale, "seed": 5} and run.name == f"simulated-{profile}"
        assert release["train"].path.is_relative_to(build_folder)
        assert runs.caption(run, release) == f"Data: simulated cells, not COOS-7 (version 1). Profile: {profile}."


def test_a_home_folder_may_be_abbreviated(tmp_path, monkeypatch):
    write_release(tmp_path / "cells", ("train",))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert list(runs.start("~/cells", "smoke")[1]) == ["train"]


@pytest.mark.parametrize("length", [199, 200, 201, 100_000])
def test_a_long_source_leaves_room_for_the_profile(length):
    split = dataclasses.replace(memory_split(), source="s" * length)
    caption = runs.caption(runs.named("cells", "smoke"), {"train": split})
    assert caption == f"Data: {'s' * min(length, 200)}{' …' * (length > 200)}. Profile: smoke."


def test_real_cells_are_named_by_their_source(real_cells):
    run, release = runs.start(real_cells, "smoke")
    assert re.fullmatch("real-cells-[0-9a-f]{6}-smoke", run.name)
    assert "simulated" not in runs.caption(run, release)
    assert release["train"].source in runs.caption(run, release)
