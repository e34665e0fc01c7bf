"""Time the 11 nearest neighbours: ours against scikit-learn's and faiss', on features of VGG16, and compare them."""

import common
import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from coos_helpers.neighbours import nearest

K = 11


def main():
    train = common.conv4_1()[0].astype(np.float64)
    asked = np.concatenate([common.conv4_1(f"test{n}")[0] for n in (1, 2, 3, 4)]).astype(np.float64)
    scaler = StandardScaler().fit(train)
    train, asked = scaler.transform(train), scaler.transform(asked)
    model = NearestNeighbors(n_neighbors=K).fit(train)
    found = {}

    def ours():
        found["coos_helpers"] = nearest(train, asked, K)

    def theirs():
        found["scikit-learn"] = model.kneighbors(asked, return_distance=False)

    lines = []
    # faiss comes second: once it is imported, scikit-learn uses one core only.
    for side, make in {"scikit-learn": lambda: theirs, "faiss": lambda: by_faiss(train, asked, found)}.items():
        try:
            times = common.race({"coos_helpers": ours, side: make()})
        except ImportError:
            print(f"{side}: not installed, left out")
            continue
        ratios = common.ratio(times[side], times["coos_helpers"])
        same = np.mean(np.sort(found[side], 1) == np.sort(found["coos_helpers"], 1))
        at = f"{len(train):,} x 512 (VGG16 conv4_1), {len(asked):,} queries"
        bar = "2 x, the same neighbours" if side == "scikit-learn" else ""
        note = f"the same neighbours: {same:.3%}"
        reached = ratios[0] >= 2 and same > 0.9999
        lines.append(common.line("kNN, k = 11", at, side, times["coos_helpers"], ratios, bar, reached, note))
        common.keep("neighbours", lines)


def by_faiss(train, asked, found):
    import faiss

    def search():
        index = faiss.IndexFlatL2(train.shape[1])
        index.add(train.astype(np.float32))
        found["faiss"] = index.search(asked.astype(np.float32), K)[1]

    return search


if __name__ == "__main__":
    main()
