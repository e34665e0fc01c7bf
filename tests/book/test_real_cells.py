"""The chapters in the smoke profile on the real yeast cells, where they are."""

import nbformat
import pytest
from book_builder import ROOT, build, convert
from whole_book import surroundings

from coos_helpers import runs

#: The shift laboratory simulates its own cells whatever the data are; networks are left to the long form.
WITHOUT = {"short": ("laboratory", "start", "vgg16", "deeploc", "inpainting", "real"), "long": ("laboratory",)}


@pytest.mark.parametrize("form", ["short", pytest.param("long", marks=pytest.mark.slow)])
def test_every_chapter_runs_on_real_cells_with_five_classes_and_three_test_sets(
    form, real_cells, tmp_path, monkeypatch
):
    for name, value in surroundings(tmp_path).items():
        monkeypatch.setenv(name, value)
    run, release = runs.start(str(real_cells), "smoke")
    pages, keys = {}, {}
    wanted = [page for page in convert.chapters() if not any(word in page for word in WITHOUT[form])]
    for source in [ROOT / f"{page}.md" for page in wanted]:
        keys |= dict.fromkeys(convert.notebook(source).metadata.get("reads", []), "left out") | keys
        keys[source.stem] = build.execute(source, run, release, keys)
        pages[source.stem] = nbformat.writes(
            nbformat.read(run.folder / "notebooks" / f"{source.stem}.ipynb", as_version=4)
        )
    assert "classes  AAC1, AAC3, AAH1, AAP1, AAR2" in pages["01-meet-the-cells"]
    for name in ("01-meet-the-cells", "02-texture", "06-table-3"):
        assert "yeast cells" in pages[name] and "simulated cells, not COOS-7" not in pages[name]
        assert "Nuclear Envelope" not in pages[name]
