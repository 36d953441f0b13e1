"""A check: the files of the version are a model that predicts. Exits with 1 if not; its last line is kept as what it found.

    python checks/loads.py releases/fraud-detector-3
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from serve import Model


def main() -> None:
    try:
        model = Model(Path(sys.argv[1]) / "model.json")
        probability = model.predict([1.0] * len(model.weights))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"it does not load: {type(error).__name__} {error}")
    print(f"{len(model.weights)} features; {probability:.3f} where all are 1")


if __name__ == "__main__":
    main()
