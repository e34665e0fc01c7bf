"""What must hold of HDF5 files: every cell is read as h5py reads it, and what is not whole in the file is refused."""

import fcntl
import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from conftest import cells, places, write_split
from on_disk import N, damage_at_random, read, refusal

from coos_helpers.data import DataError, hdf5, open_release, open_split

KEYS = ("data", "labels", "plate", "well")


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<u4", "<u8", "<i4", ">i4", "<i8", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("chunks, userblock", [(None, 0), (None, 2048), ((3, 1, 16, 64), 512)])
def test_cells_are_those_that_h5py_reads_wherever_they_lie_in_the_file(tmp_path, dtype, chunks, userblock):
    images = np.random.default_rng(0).integers(0, 65536, (40, 2, 64, 64)).astype(dtype)
    images[4, 1, 0, :4] = 0, 1, 65534, 65535
    path = tmp_path / "COOS7_v1.1_test1.hdf5"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.create_dataset("data", data=images, chunks=chunks)
        file["labels"] = np.arange(40) % 7
    split = open_split(path)
    for indices in ([0], [39], [4, 5, 6, 20, 22, 39], list(range(40)), [7, 3, 3, 30]):
        np.testing.assert_array_equal(split.images[indices], images[indices])
    assert split.images[:].dtype == np.uint16 and split.images[:].dtype.isnative


def test_opening_a_uint16_file_reads_no_image(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_read_sorted", lambda *_: pytest.fail("images were read"))
    assert len(open_split(write_split(tmp_path / "train.h5"))) == 14


def test_cells_in_any_order_take_the_memory_of_little_more_than_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "BLOCK", 20)
    split = open_split(write_split(tmp_path / "train.h5", 400))
    tracemalloc.start()
    images = split.images[np.random.default_rng(0).permutation(400)]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1.2 * images.nbytes


def test_no_file_is_kept_open_and_threads_may_read_at_once(tmp_path):
    split = read(write_split(tmp_path / "train.h5", N))
    with h5py.File(split.path, "r+") as file:  # which HDF5 refuses for a file that is open
        file["data"][3] = 7
    with ThreadPoolExecutor(4) as pool:
        for images in pool.map(split.images.__getitem__, [[3, 5]] * 40):
            np.testing.assert_array_equal(images[0], 7)
            np.testing.assert_array_equal(images[1], cells(N)[5])


def group(file, key):
    file.create_group(key)["inside"] = 1


def unwritten(written=0, shape=(N, 2, 64, 64), dtype="u2", **options):
    """Make a data set of which only the first cells are written."""

    def make(file, key):
        dataset = file.create_dataset(key, shape, dtype, **options)
        if written:
            dataset[:written] = np.ones((written, *shape[1:]), dtype)

    return make


# What the file is given instead of sound values (a function makes it by hand), and words of what must be found.
BEYOND_MEMORY = unwritten(shape=(2**44, 2, 64, 64), chunks=(1, 2, 64, 64))
LINKS = {
    "/nowhere": h5py.SoftLink("/nowhere"),
    "nowhere.h5/data": h5py.ExternalLink("nowhere.h5", "/data"),
    "./data": h5py.ExternalLink(".", "/data"),  # a folder
}
BAD_KEYS = [
    ({"data": None}, "the keys labels, without `data`"),
    ({"labels": None}, "the keys data, without `labels`"),
    ({"data": None, "labels": None}, "the keys none, without `data`"),
    ({"data": cells(0), "labels": np.zeros(0, int)}, "no cells"),
    *[({key: group}, f"a group called `{key}`") for key in KEYS],
    *[({key: np.dtype("u2")}, f"a datatype called `{key}`") for key in KEYS],
    *[({key: link}, f"a link called `{key}` to {to}, which") for key in KEYS for to, link in LINKS.items()],
    ({"data": h5py.SoftLink("/data")}, "a link called `data` to /data, which leads to no values"),
    ({"data": BEYOND_MEMORY, "labels": unwritten(shape=(2**44,), chunks=(1,))}, "`data` with 0 of its 17592186044416"),
    # What HDF5 reads as zeros, since it was never written
    ({"data": unwritten()}, "`data` with 0 of its 229376 bytes written"),
    ({"data": unwritten(7, chunks=(1, 1, 64, 64))}, "`data` with 14 of its 28 chunks"),
    ({"labels": unwritten(shape=(N,))}, "`labels` with 0 of its 28 bytes written"),
    ({"labels": unwritten(4, (N,), chunks=(4,))}, "`labels` with 1 of its 4 chunks written"),
    ({"plate": unwritten(shape=(N,))}, "`plate` with 0 of its 28 bytes written"),
    ({"well": unwritten(shape=(N,), dtype=h5py.string_dtype())}, "`well` with 0 of its"),
]


@pytest.mark.parametrize("keys, found", BAD_KEYS, ids=[found for _, found in BAD_KEYS])
def test_a_file_that_lacks_a_part_is_refused(tmp_path, keys, found):
    path = write_split(tmp_path / "COOS7_v1.1_training.hdf5", **keys)
    assert re.search(found, refusal(path)["found"])


@pytest.mark.parametrize("key", ["labels", "plate", "well"])
@pytest.mark.parametrize("shape", [(2**28,), (N, 2**24)], ids=str)
def test_a_damaged_shape_takes_no_memory(tmp_path, key, shape):
    huge = unwritten(shape=shape, dtype="i8", chunks=(8, 1024)[-len(shape) :], fillvalue=1)
    path = write_split(tmp_path / "train.h5", N, **{key: huge})
    tracemalloc.start()
    found, most = refusal(path)["found"], tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(shape) in found and most < 50e6


def test_what_is_missing_may_have_a_value_that_the_file_names(tmp_path):
    make = unwritten(7, chunks=(7, 2, 64, 64), compression="gzip", fillvalue=100)
    assert (read(write_split(tmp_path / "train.h5", data=make)).images[7:] == 100).all()


def virtual(file, key, values):
    with h5py.File(f"{file.filename}.other", "w") as other:
        other[key] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource(f"{file.filename}.other", key, values.shape)
    file.create_virtual_dataset(key, layout)


def external(file, key, values):
    file.create_dataset(key, data=values, external=[(f"{file.filename}.raw", 0, values.nbytes)])


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("make", [virtual, external])
def test_values_that_lie_in_other_files_are_refused_with_the_way_to_copy_them(tmp_path, make, key):
    """HDF5 reads them as zeros when those are gone, so they are refused while they are there."""
    values = {"data": cells(N), "labels": np.arange(N) % 7, **places(N)}
    path = write_split(tmp_path / "train.h5", **values | {key: lambda file, key: make(file, key, values[key])})
    parts = refusal(path)
    assert parts["found"] == f"`{key}` with values that lie in other files"
    assert "write its values into a file of their own" in parts["remedy"]


def archive(kind, write):
    stream = io.BytesIO()
    with kind(stream) as file:
        write(file)
    return stream.getvalue()


ZIP = archive(lambda stream: zipfile.ZipFile(stream, "w"), lambda file: file.writestr("test1.hdf5", "x"))
TAR = archive(lambda stream: tarfile.open(fileobj=stream, mode="w"), lambda file: file.addfile(tarfile.TarInfo("a")))
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"

# What a file with the name of an HDF5 file holds instead; words of what must be found, and of what to do.
NO_HDF5 = {
    "empty": (b"", "an empty file", "again"),
    "text": (b"data,labels\n1,2\n", "a file that begins with b'data,labels", "another kind"),
    "zeros": (bytes(4096), "a file that begins with b'\\x00", "another kind"),
    "numpy": (b"\x93NUMPY\1\0" + bytes(200), "a file that begins with b'\\x93NUMPY", "another kind"),
    "log-in page": (b"\r\n<!DOCTYPE html>Log in" * 99, "a page of the web", "log in"),
    "page of an error": (b"<?xml version='1.0'?><Error/>", "a page of the web", "what went wrong"),
    "git lfs": (LFS, "a pointer of Git LFS", "git lfs pull"),
    "gzip": (gzip.compress(b"x" * 999), "an archive", "Unpack"),
    "zip": (ZIP, "an archive", "Unpack"),
    "tar": (TAR, "an archive", "Unpack"),
    "netCDF 3": (b"CDF\1" + bytes(999), "netCDF 3", "Convert"),
    "HDF4": (b"\x0e\3\x13\1" + bytes(999), "HDF4", "Convert"),
    "MATLAB": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(999), "MATLAB", "Convert"),
    "only the signature": (b"\x89HDF\r\n\x1a\n", "a file that cannot be read", "cut short"),
}


@pytest.mark.parametrize("content, found, remedy", NO_HDF5.values(), ids=NO_HDF5)
def test_a_file_that_is_no_hdf5_file_is_refused_as_what_it_is(tmp_path, content, found, remedy):
    path = tmp_path / "COOS7_v1.1_test1.hdf5"
    path.write_bytes(content)
    parts = refusal(path)
    assert found in parts["found"] and remedy in parts["remedy"]
    with pytest.raises(DataError, match="test1.hdf5"):
        open_release(tmp_path)


@pytest.mark.parametrize("number, words", [(37, "No locks available"), (95, "Not supported"), (38, "Not implemented")])
def test_a_file_system_without_locks_is_read_without_one(tmp_path, monkeypatch, number, words):
    opened, path = h5py.File, write_split(tmp_path / "train.h5", **places(N))

    def no_locks(name, mode="r", locking=None):
        if locking is not False:
            raise OSError(number, f"Unable to synchronously open file (unable to lock file, errno = {number}, {words})")
        return opened(name, mode, locking=locking)

    monkeypatch.setattr(h5py, "File", no_locks)
    np.testing.assert_array_equal(read(path).images[:], cells(N))
    monkeypatch.setattr(h5py, "File", lambda *_, **__: no_locks(path))  # and HDF5_USE_FILE_LOCKING=TRUE is set
    assert "HDF5_USE_FILE_LOCKING=FALSE" in refusal(path)["remedy"]


def test_a_file_that_another_program_is_writing_is_not_called_damaged(tmp_path):
    path = write_split(tmp_path / "train.h5")
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="Another program is writing it: wait.*HDF5_USE_FILE_LOCKING=FALSE"):
            open_split(path)
    read(path)


CAUSES = [
    (PermissionError(13, "Permission denied"), "Check its permissions"),
    (OSError(5, "Input/output error"), "A disk or network drive fails"),
    (OSError(116, "Stale file handle"), "A disk or network drive fails"),
    (MemoryError("Unable to allocate 16.2 GiB for an array"), "Read fewer cells"),
    (MemoryError(), "Read fewer cells"),
    (KeyError("truncated"), "It is damaged or cut short"),
]


@pytest.mark.parametrize("error, remedy", CAUSES, ids=lambda part: repr(part))
@pytest.mark.parametrize("where", ["h5py.File", "coos_helpers.data.hdf5._read_sorted"])
def test_what_is_said_to_do_goes_with_what_went_wrong(tmp_path, monkeypatch, where, error, remedy):
    path = write_split(tmp_path / "train.h5")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(where, fail)
    assert remedy in refusal(path)["remedy"]


def packed(file, key):
    """Write values packed by a filter that nobody has."""
    values = {"data": cells(N), "labels": np.arange(N) % 7, **places(N)}[key]
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk(values.shape)
    how.set_filter(299, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    kind, space = h5py.h5t.py_create(values.dtype), h5py.h5s.create_simple(values.shape)
    h5py.h5d.create(file.id, key.encode(), kind, space, how).write_direct_chunk((0,) * values.ndim, values.tobytes())


@pytest.mark.parametrize("key", KEYS)
def test_a_filter_that_is_not_here_is_named_with_two_ways_out(tmp_path, key):
    parts = refusal(write_split(tmp_path / "train.h5", **{key: packed}))
    assert parts["found"] == f"`{key}` packed by a filter (299), which is not here"
    assert "pip install hdf5plugin" in parts["remedy"] and "h5repack -f GZIP=4 train.h5 new.h5" in parts["remedy"]


@pytest.mark.parametrize("option, name", [("lzf", "lzf"), ("gzip", "deflate")])
def test_the_filters_name_is_the_files_and_whoever_has_it_reads(tmp_path, monkeypatch, option, name):
    path = write_split(tmp_path / "train.h5", data=None)
    with h5py.File(path, "a") as file:
        file.create_dataset("data", data=cells(N), compression=option, shuffle=True)
    read(path)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code == h5py.h5z.FILTER_SHUFFLE)
    assert f"`data` packed by {name} (" in refusal(path)["found"]


def test_hdf5plugin_is_loaded_where_it_is(tmp_path):
    (tmp_path / "hdf5plugin.py").write_text("print('loaded')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", "import coos_helpers.data.hdf5"]
    assert subprocess.check_output(command, env=environment, text=True) == "loaded\n"


@pytest.fixture(params=["contiguous", "gzip"])
def sound(request, tmp_path):
    """Write a sound file of 6 smooth cells with all its keys."""
    chunked = {"compression": "gzip", "chunks": (2, 2, 64, 64)} if request.param == "gzip" else {}
    attrs = {"class_names": [f"class {i}" for i in range(6)], "source": "made up"}
    path = write_split(tmp_path / "COOS7_v1.1_test2.hdf5", 6, attrs=attrs, data=None, **places(6))
    with h5py.File(path, "a") as file:
        file.create_dataset("data", data=cells(6) // 4096 * 100, **chunked)
    return read(path).path


def test_a_file_cut_short_anywhere_is_refused(sound):
    content = sound.read_bytes()
    for part in (0.0005, 0.002, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999):
        sound.write_bytes(content[: int(len(content) * part)])
        assert "a file that cannot be read" in refusal(sound)["found"]


@pytest.mark.parametrize("seed", range(2))
def test_random_damage_ends_in_a_data_error_or_in_readable_images(sound, seed):
    # The description of the data lies in the first and last kilobytes; bytes of the images are only numbers.
    size = sound.stat().st_size
    damage_at_random(sound, np.r_[np.arange(6000), np.arange(size - 4000, size)], seed)


@pytest.mark.parametrize("dtype, chunk", [("u2", 3), ("f4", 6)])
def test_a_damaged_image_is_refused_when_it_is_read_and_if_its_type_may_lose_counts_at_once(tmp_path, dtype, chunk):
    path = tmp_path / "COOS7_v1.1_test2.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=cells(N).astype(dtype), compression="gzip", chunks=(2, 2, 64, 64))
        file["labels"] = np.arange(N) % 7
        lies = data.id.get_chunk_info(chunk)
    content, middle = bytearray(path.read_bytes()), lies.byte_offset + lies.size // 2
    content[middle : middle + 8] = bytes(8)
    path.write_bytes(content)
    if dtype == "f4":
        with pytest.raises(DataError, match="unreadable"):
            open_split(path)
        return
    split = open_split(path)
    np.testing.assert_array_equal(split.images[:6], cells(N)[:6])  # chunks that are whole can be read
    for index in (6, [0, 13, 7], np.s_[:]):
        with pytest.raises(DataError, match=r"test2.hdf5: found cells \d+ to \d+ unreadable .*; expected a whole HDF5"):
            split.images[index]


@pytest.mark.parametrize(
    "data, found", [(cells(3), "there are only 3"), (None, "data"), (cells(N)[:, :1], "shape"), (cells(N) / 7, "count")]
)
def test_a_file_that_becomes_a_worse_one_or_vanishes_while_in_use_is_refused(tmp_path, data, found):
    split = open_split(write_split(tmp_path / "train.h5"))
    write_split(split.path, data=data)
    for index in (np.s_[10:], [3, 12, 0], 13):
        with pytest.raises(DataError, match=f"train.h5: found .*{found}"):
            split.images[index]
    split.path.unlink()
    with pytest.raises(DataError, match="train.h5: found cells 2 to 2 unreadable"):
        split.images[2]
