"""A chapter that is run alone makes Texture's rows, as chapter 02 does."""

from coos_helpers import baseline, classifiers, leakage, profiles, results


def test_texture_is_entered_where_nothing_is_stored(simulated_folder, capsys):
    found = results.read(str(simulated_folder), "smoke", otherwise=baseline.enter)
    assert "Texture's are made first" in capsys.readouterr().out
    assert [(row["test1"].representation, row["test1"].classifier) for row in found.table] == [
        ("texture", name) for name in classifiers.NAMES
    ]
    assert len(found.ladders) == len(leakage.SETTINGS) and list(found.sketches) == ["texture"]


def test_what_is_stored_is_read_and_not_made_again(simulated_folder):
    run, release = profiles.start(str(simulated_folder), "smoke")
    baseline.enter(run, release)
    found = results.read(str(simulated_folder), "smoke", otherwise=lambda *_: 1 / 0)
    assert len(found.table) == 3
