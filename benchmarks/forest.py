"""Time a tenth of the forest's search: ours against scikit-learn's, the same draws, on features of VGG16.

Ten of the paper's hundred settings go through all five folds, and sides take turns fold by fold: a ratio a fold. Where
scikit-learn-intelex is installed, it runs as well, on the first fold only.

    python benchmarks/forest.py [DRAWS]
"""

import os
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
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(features, labels))
    settings = list(ParameterSampler(classifiers.GRID, draws, random_state=0))
    classifiers.random_forest(settings[0]).set_params(n_estimators=2).fit(features[:500], labels[:500])  # compiles

    def ours(learned, held):
        borders = forest.edges(features[learned])
        bins, others = (forest.binned(features[part], borders) for part in (learned, held))
        fold = bins, labels[learned], others, labels[held]
        return Parallel(-1, prefer="threads")(delayed(classifiers.fold_score)(drawn, 0, fold) for drawn in settings)

    def theirs(kind, at_once, learned, held):
        def score(drawn):
            model = kind(**drawn, random_state=0, n_jobs=1 if at_once > 1 else -1)
            said = model.fit(features[learned], labels[learned]).predict(features[held])
            return balanced_accuracy_score(labels[held], said)

        return Parallel(at_once, prefer="threads")(delayed(score)(drawn) for drawn in settings)

    cores = os.cpu_count()
    sides = {"coos_helpers": ours, "scikit-learn": lambda *fold: theirs(RandomForestClassifier, cores, *fold)}
    seconds, scores = {side: [] for side in sides}, {side: [] for side in sides}
    for number, fold in enumerate(folds):
        run = dict(list(sides.items())[:: 1 if number % 2 else -1])
        if number == 0:
            try:
                from sklearnex.ensemble import RandomForestClassifier as Intel

                # It knows no threads of joblib's: a forest at a time, on all cores.
                run["scikit-learn-intelex"] = lambda *fold: theirs(Intel, 1, *fold)
            except ImportError:
                print("scikit-learn-intelex: not installed, left out")
        for side, score in run.items():
            start = perf_counter()
            found = score(*fold)
            seconds.setdefault(side, []).append(perf_counter() - start)
            scores.setdefault(side, []).append(found)
            print(f"fold {number + 1} of {len(folds)}, {side}: {seconds[side][-1]:.0f} s", flush=True)
    ours_scores, lines = np.array(scores.pop("coos_helpers")), []  # (folds, draws)
    spent = seconds["coos_helpers"]
    whole = f"the whole 100 x 5 about {100 / draws * sum(spent) / 60:.0f} minutes"
    for side, found in scores.items():
        found = np.array(found)
        ratios = common.ratio(seconds[side], spent[: len(found)])
        at = f"{len(folds[0][0]):,} of {len(features):,} x 512 (VGG16 conv4_1), {draws} draws on "
        at += "each of five folds" if len(found) == 5 else "one fold of five"
        # What each chose, fold by fold: its standard error is that of the folds' differences.
        apart = 100 * (ours_scores[: len(found), ours_scores.mean(0).argmax()] - found[:, found.mean(0).argmax()])
        gap = f"the draw that is chosen {apart.mean():+.2f} points of balanced accuracy"
        if len(found) == 1:
            gap, bar, reached = f"once; {gap}", "", True
        else:
            error = apart.std(ddof=1) / np.sqrt(len(apart))
            gap, bar = f"{gap} (standard error {error:.2f})", "4 x, as good"
            reached = ratios[0] >= 4 and apart.mean() > -2 * error
        lines.append(
            common.line("Random forest search", at, side, np.median(spent), ratios, bar, reached, f"{gap}; {whole}")
        )
    common.keep("forest", lines)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
