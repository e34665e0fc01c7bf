"""Open a release of cell images from HDF5 files or the authors' TIFF folders, COOS-7's and simulated ones alike."""

from pathlib import Path

from coos_helpers.data import hdf5, tiff
from coos_helpers.data.errors import DataError, is_folder
from coos_helpers.data.split import Images, Split
from coos_helpers.data.split_names import find_splits, split_name
from coos_helpers.data.validate import as_class_names, as_labels, as_places, as_source
from coos_helpers.published import CLASS_NAMES

FETCH = "Fetch the release with `coos download`, or make one with `coos simulate`."
LOOK = f"Check the path. {FETCH}"


def open_split(path):
    """Open one split, and check all of it that can be checked without reading every uint16 pixel.

    Parameters
    ----------
    path : an HDF5 file, or a folder in the authors' TIFF layout (`<label>/COOSv1cell_<i>_protein.tif`).

    Returns
    -------
    Split

    Raises
    ------
    DataError : the file is missing, damaged or not what a split looks like. Images of another type than uint16 are
        read through once, in bounded memory, since they could hold values that uint16 cannot.
    """
    path = Path(path)
    form = tiff if is_folder(path, "an HDF5 file or a folder of TIFF images", LOOK) else hdf5
    parts = form.read_parts(path)
    class_names = as_class_names(path, parts["class_names"], CLASS_NAMES)
    labels = as_labels(path, parts["labels"], len(class_names))
    # The authors' files name no source, and their licence asks for one.
    is_coos7 = path.name.upper().startswith("COOS7_V")
    unsaid = "COOS-7 (Lu et al. 2019; images CC BY-NC 4.0)" if is_coos7 else f"{path.name} (the file names no source)"
    return Split(
        name=split_name(path.name) or (path.name if path.is_dir() else path.stem),
        path=path,
        images=Images(parts["read"], len(labels)),
        labels=labels,
        plate=as_places(path, "plate", parts["plate"], len(labels)),
        well=as_places(path, "well", parts["well"], len(labels)),
        class_names=class_names,
        source=as_source(parts["source"]) or as_source(unsaid),
        files=parts["files"],
    )


def open_release(folder):
    """Open every split in a folder.

    Parameters
    ----------
    folder : holds one HDF5 file or one TIFF folder a split, recognised by name (`train`, `test1` ...).

    Returns
    -------
    dict from split name to `Split`, in the order train, test1, test2 ...

    Raises
    ------
    DataError : no split is there, two files claim the same split, or the splits do not share their classes.
    """
    folder, paths = Path(folder), {}
    if not is_folder(folder, "a folder with a release", LOOK):
        raise DataError(folder, "a file", "a folder with a release", "`open_split` opens one file.")
    found, ignored = find_splits(folder)
    for name, path in found:
        if name in paths:
            both = f"both {paths[name].name} and {path.name} for the split {name}"
            raise DataError(folder, both, "one file or folder for each split", "Move one of them to another folder.")
        paths[name] = path
    if not paths:
        expected = (
            "files such as COOS7_v1.1_training.hdf5 and COOS7_v1.1_test1.hdf5, or folders of TIFF images so named"
        )
        raise DataError(folder, f"no split, passing over {', '.join(ignored) or 'nothing'}", expected, FETCH)
    release = {name: open_split(paths[name]) for name in sorted(paths, key=lambda name: (name != "train", name))}
    first, *others = release.values()
    for split in others:
        if split.class_names != first.class_names:
            found, expected = (", ".join(one.class_names) for one in (split, first))
            remedy = "The splits of one release must name the same classes in the same order."
            raise DataError(split.path, f"classes {found}", f"the classes of {first.path.name}: {expected}", remedy)
    return release
