"""Enter the rows of Texture among a run's results, as chapter 02 does, for a chapter that is run alone."""

from coos_helpers import classifiers, leakage, predictions, results, texture


def enter(run, release, seed=0):
    """Fit the three classifiers to Texture, cross-validate them, and enter all that: about a minute in `quick`.

    Parameters
    ----------
    run, release : from `profiles.start`. seed : of the classifiers.
    """
    features = {name: texture.stored(split) for name, split in release.items()}
    draws = run.settings["draws"]
    table = [predictions.evaluate(run, release, features, "texture", name, draws, seed) for name in classifiers.NAMES]
    ladders = [leakage.ladder(run, release, features, "texture", name, seed) for name in leakage.SETTINGS]
    results.enter(run, release, "02-texture", table, ladders, {"texture": features}, seed)
