"""What must hold of a file's values: pixels, labels, plates, wells and class names are taken exactly, or refused."""

import h5py
import numpy as np
import pytest
from conftest import cells, places, write_split
from on_disk import N, refusal

from coos_helpers.data import open_split
from coos_helpers.published import CLASS_NAMES


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "u4", "i8", "u8", "f2", "f4", ">f8"])
def test_labels_of_any_whole_type_become_int64(tmp_path, dtype):
    split = open_split(write_split(tmp_path / "train.h5", 8, labels=(np.arange(8) % 7).astype(dtype)))
    assert split.labels.dtype == np.int64 and split.labels.dtype.isnative
    assert split.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


STORED = {
    "bytes": (np.array([b"P1", "Plätte".encode()], "S8"), ["P1", "Plätte"]),
    "objects": (np.array(["P1", "Plätte"], object), ["P1", "Plätte"]),
    "numbers": (np.array([1, 20]), ["1", "20"]),
    "no utf-8": (np.array([b"\xfc1", b"\xe41"]), [r"\xfc1", r"\xe41"]),  # they stay apart
}


@pytest.mark.parametrize("stored, read", STORED.values(), ids=STORED.keys())
def test_plates_and_wells_become_text_however_they_are_stored(tmp_path, stored, read):
    split = open_split(write_split(tmp_path / "train.h5", 2, plate=stored, well=stored))
    assert split.plate.dtype.kind == split.well.dtype.kind == "U"
    assert split.plate.tolist() == split.well.tolist() == read


@pytest.mark.parametrize("form", [list, lambda names: np.array(names, "S"), lambda names: np.array(names, object)])
def test_class_names_come_from_the_file(tmp_path, form):
    names = ["bud neck", "cytosol", "ER"]
    path = write_split(tmp_path / "train.h5", 3, labels=[2, 1, 0], attrs={"class_names": form(names)})
    assert open_split(path).class_names == tuple(names)


def test_an_empty_attribute_names_no_classes(tmp_path):
    path = write_split(tmp_path / "train.h5", 7, attrs={"class_names": h5py.Empty("S3")})
    assert open_split(path).class_names == CLASS_NAMES


def test_control_characters_in_names_are_written_out_and_the_names_stay_apart(tmp_path):
    names = np.array(["A\n", "A\r", "A", "\x1b[2J", "\x9b2J", "α\u200d-tubulin", "\u2028x"], object)
    split = open_split(write_split(tmp_path / "train.h5", 7, plate=names, attrs={"class_names": names}))
    assert split.class_names == tuple(split.plate)
    assert split.class_names == (r"A\n", r"A\r", "A", r"\x1b[2J", r"\x9b2J", "α\u200d-tubulin", r"\u2028x")


def references(file, key):
    file[key] = np.array([file.ref] * N, h5py.ref_dtype)


def pixel(value, dtype="f8"):
    """Give images with one pixel that is no count, and what is said of it."""
    images = cells(N).astype(dtype)
    images[9, 1, 5, 6] = value
    kind = "not a number" if np.isnan(float(value)) else "not a 16-bit count"
    return images, f"the pixel value {images[9, 1, 5, 6]} ({kind}) in cell 9"


def label(value, dtype):
    """Give labels of which one is no class's number, and what is said of it."""
    labels = (np.arange(N) % 7).astype(dtype)
    labels[5] = value
    return labels, f"label {labels[5]} at cell 5 (and 0 more such cells)"


# By key: what the file holds instead of sound values, and words of what must be found.
EMPTY, COMPOUND = h5py.Empty("u2"), [("row", "i4"), ("column", "i4")]
SHAPES = [(N, 8192), (N, 64, 64), (N, 3, 64, 64), (N, 2, 60, 60), (N, 64, 64, 2), (2, N, 64, 64), (2, 64, 64, N)]
BAD = {
    "data": [
        *[(values, "`data` of shape ()") for values in (EMPTY, 7)],
        *[(np.ones(shape, "u2"), f"`data` of shape {shape}") for shape in SHAPES],
        *[
            (np.ones((N, 2, 64, 64), dtype), f"`data` of type {dtype}")
            for dtype in ("uint8", "int8", "int16", "float16", "bool", "complex64", "|S5")
        ],
        (np.zeros((N, 2, 64, 64), COMPOUND), "`data` of type [('row'"),
        (cells(N) / 65535, "(not a 16-bit count) in cell 0"),
        *[pixel(value) for value in (np.nan, np.inf, -1, 100.5, -1e-30, 65536, 1e300)],
        *[pixel(np.nan, "f4"), pixel(-np.inf, ">f4"), pixel(-1, "i4"), pixel(-65536, "i8")],
        *[pixel(65536 + 7, "u4"), pixel(2**64 - 1, "u8")],
    ],
    "labels": [
        (EMPTY, "`labels` of shape None beside 14 cells"),
        (3, "`labels` of shape () beside 14 cells"),
        *[(np.zeros(count, int), f"`labels` of shape ({count},) beside 14 cells") for count in (0, N - 1, N + 1)],
        *[(np.zeros((N, k), int), f"`labels` of shape (14, {k})") for k in (1, 7)],
        (references, "`labels` of references"),
        (np.arange(N) % 7 + 1, "label 7 at cell 6 (and 1 more such cells)"),
        *[label(value, "i8") for value in (-1, 7)],
        *[label(value, "f8") for value in (1e300, np.nan, np.inf, 0.5)],
        label(2**64 - 1, "u8"),
        (np.array(["ER"] * N, "S"), "type |S2"),
        (np.array(["ER"] * N, object), "type object"),
        *[(np.zeros(N, dtype), f"type {dtype}") for dtype in ("complex128", "bool")],
    ],
    "plate": [
        *[(values, "`plate` of shape ()") for values in (EMPTY, "P1")],
        *[(places(n)["plate"], f"`plate` of shape ({n},) beside 14 cells") for n in (N - 1, N + 1)],
        (np.zeros((N, 2), "S2"), "`plate` of shape (14, 2)"),
        (np.array(["P1"] * 13 + [""], "S"), "the plate '' at cell 13"),
        (np.array(["  "] + ["A1"] * 13, object), "the plate '  ' at cell 0"),
        (np.array(["A1", "NaN"] * 7, object), "the plate 'NaN' at cell 1"),
        (np.array(["A1", "A" * 101] * 7, object), "the plate 'AAA"),
        (np.full(N, np.nan), "`plate` of type float64"),
        *[(np.zeros(N, dtype), f"`plate` of type {dtype}") for dtype in ("bool", "complex128", "|V3")],
        (np.zeros(N, COMPOUND), "`plate` of type [('row'"),
        (references, "`plate` of references"),
    ],
}
BAD["well"] = [(values, found.replace("plate", "well")) for values, found in BAD["plate"]]


@pytest.mark.parametrize(
    "key, values, found",
    [pytest.param(key, *one, id=f"{key} {number}: {one[1]}") for key in BAD for number, one in enumerate(BAD[key])],
)
def test_a_file_with_wrong_values_is_refused(tmp_path, key, values, found):
    path = write_split(tmp_path / "COOS7_v1.1_training.hdf5", **{key: values})
    assert found in refusal(path)["found"]


@pytest.mark.parametrize(
    "axes, back", [((0, 2, 3, 1), (0, 3, 1, 2)), ((1, 0, 2, 3), (1, 0, 2, 3)), ((3, 2, 1, 0), (3, 2, 1, 0))]
)
def test_the_remedy_for_a_wrong_axis_order_puts_it_right(tmp_path, axes, back):
    path = write_split(tmp_path / "train.h5", N, data=cells(N).transpose(axes))
    assert f"data.transpose{back}" in refusal(path)["remedy"]
    np.testing.assert_array_equal(cells(N).transpose(axes).transpose(back), cells(N))


LABELS = np.arange(N) % 7
TEXTS = np.array([["A1"]] * N, "S")

# What is stored, and what the message says to store instead.
INSTEAD = [
    *[("labels", values, "labels.ravel()", np.ravel) for values in (LABELS[None], LABELS[:, None] * 1.0)],
    *[("plate", values, "plate.ravel()", np.ravel) for values in (TEXTS, TEXTS.T, np.arange(N)[None])],
    *[("well", values, "well.ravel()", np.ravel) for values in (TEXTS, TEXTS.T, np.arange(N)[:, None])],
    ("labels", np.eye(7)[LABELS], "labels.argmax(1)", lambda values: values.argmax(1)),
    ("labels", np.eye(7)[LABELS].T, "labels.argmax(0)", lambda values: values.argmax(0)),
]


@pytest.mark.parametrize("key, values, remedy, mended", INSTEAD)
def test_the_remedy_for_a_wrong_shape_puts_it_right(tmp_path, key, values, remedy, mended):
    parts = refusal(write_split(tmp_path / "train.h5", **{key: values}))
    assert parts["found"] == f"`{key}` of shape {values.shape} beside 14 cells" and remedy in parts["remedy"]
    split = open_split(write_split(tmp_path / "train.h5", **{key: mended(values)}))
    if key == "labels":
        assert split.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("attr", ["class_names", "source"])
def test_an_empty_attribute_counts_as_none(tmp_path, attr):
    path = write_split(tmp_path / "train.h5", attrs={attr: h5py.Empty("S3")})
    split = open_split(path)
    assert (split.class_names, split.source) == (CLASS_NAMES, "train.h5 (the file names no source)")


def test_class_names_may_be_a_data_set(tmp_path):
    """As the other parts are: passed over, the cells would get the names of COOS-7's classes."""
    names = [f"class {label}" for label in range(7)]
    path = write_split(tmp_path / "train.h5", class_names=np.array(names, "S"))
    assert open_split(path).class_names == tuple(names)


NAMES = [
    ([], "class_names []"),
    (["a", "b", "c", "d", "e", "f", "g" * 101], "class_names ['a'"),
    (["a", "b", "c", "d", "e", "f", "a"], "class_names ['a'"),
    (["a", "b", "c", "d", "e", "f", " "], "'f', ' ']"),
    (["a", "b", "c", "d", "e", "f"], "label 6 at cell 6 (and 1 more such cells)"),
    (np.arange(7), "class_names [0, 1"),
    ("ER, IMM", "class_names ER, IMM"),
    (np.array([["a"]], "S"), "class_names [[b'a']]"),
]


@pytest.mark.parametrize("names, found", NAMES)
def test_a_file_with_wrong_class_names_is_refused(tmp_path, names, found):
    path = write_split(tmp_path / "test1.hdf5", N, attrs={"class_names": names})
    assert found in refusal(path)["found"]
