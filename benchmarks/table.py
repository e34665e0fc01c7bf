"""Print what the benchmarks measured as one table: the end of `make bench`."""

import json

import common
import pandas as pd


def main():
    kept = [json.loads(path.read_text()) for path in sorted(common.MEASURED.glob("*.json")) if path.stem != "scale"]
    lines = pd.DataFrame([line for one in kept for line in one["lines"]])
    print(lines.drop(columns="note").to_string(index=False))
    print("Measured on:", "; ".join(sorted({f"{one['about']['machine']}, {one['about']['made']}" for one in kept})))


if __name__ == "__main__":
    main()
