"""Time a tenth of the forest's settings: ours against scikit-learn's, the same draws, on features of VGG16.

Each of ten settings is grown once, on four folds of five, and judged on the fifth; the whole search has 50 times as
many forests. Where scikit-learn-intelex is installed, it runs as well.

    python benchmarks/forest.py [DRAWS]
"""

import sys
from time import perf_counter

import common
import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import ParameterSampler, StratifiedKFold

from coos_helpers import classifiers, forest


def main(draws=10):
    features, labels = common.conv4_1()
    learned, held = next(StratifiedKFold(5, shuffle=True, random_state=0).split(features, labels))
    settings = list(ParameterSampler(classifiers.GRID, draws, random_state=0))
    classifiers.random_forest(settings[0]).set_params(n_estimators=2).fit(features[:500], labels[:500])  # compiles
    start = perf_counter()
    borders = forest.edges(features[learned])
    bins, others = (forest.binned(features[part], borders) for part in (learned, held))
    binning = perf_counter() - start
    seconds, scores = {}, {}

    def ours(drawn):
        return classifiers.fold_score(drawn, 0, (bins, labels[learned], others, labels[held]))

    def theirs(kind, drawn):
        model = kind(**drawn, random_state=0, n_jobs=1).fit(features[learned], labels[learned])
        return balanced_accuracy_score(labels[held], model.predict(features[held]))

    sides = {"coos_helpers": ours, "scikit-learn": lambda drawn: theirs(RandomForestClassifier, drawn)}
    try:
        from sklearnex.ensemble import RandomForestClassifier as Intel

        sides["scikit-learn-intelex"] = lambda drawn: theirs(Intel, drawn)
    except ImportError:
        print("scikit-learn-intelex: not installed, left out")
    for side, score in sides.items():
        start = perf_counter()
        scores[side] = np.array(Parallel(-1, prefer="threads")(delayed(score)(drawn) for drawn in settings))
        seconds[side] = perf_counter() - start
    seconds["coos_helpers"] += binning
    lines, fold = [], seconds["coos_helpers"] - binning
    whole = 5 * (100 / draws * fold + binning) / 60
    for side in list(sides)[1:]:
        times = seconds[side] / seconds["coos_helpers"]
        gap = 100 * (scores["coos_helpers"].max() - scores[side].max())
        note = f"once; best draw {gap:+.1f} points of balanced accuracy; the whole 100 x 5 about {whole:.0f} minutes"
        at = f"{len(learned):,} of {len(features):,} x 512 (VGG16 conv4_1), {draws} draws on one fold of five"
        bar = "4 x, as good" if side == "scikit-learn" else ""
        reached = times >= 4 and gap > -0.5
        lines.append(
            common.line("Random forest search", at, side, seconds["coos_helpers"], (times,) * 3, bar, reached, note)
        )
    common.keep("forest", lines)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
