"""What a machine is told of a release: a Croissant file, which names its files, and what is in them."""

from hashlib import file_digest

import h5py

FORM = "http://mlcommons.org/croissant/1.1"  # https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html

#: Croissant's own words, and those that it has of others.
WORDS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
    "samplingRate separator source subField transform"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{word: f"cr:{word}" for word in WORDS.split()},
}

TYPES = {"b": "sc:Boolean", "u": "sc:Integer", "i": "sc:Integer", "f": "sc:Float", "S": "sc:Text", "O": "sc:Text"}

#: What the data sets are that every release has.
MEANINGS = {
    "data": "image: channel (0 protein, 1 nucleus), row, column; camera counts",
    "labels": "number of the class, from 0",
    "plate": "name of the plate",
    "well": "name of the well, which says where on its plate it lies",
}


def croissant(release, about):
    """Describe a release as Croissant does.

    Parameters
    ----------
    release : dict from split name to `Split`, of HDF5 files in one folder.
    about : dict of texts for the data set as a whole, such as `name`, `description`, `version` and `license`.

    Returns
    -------
    dict for JSON: each split's file with its checksum, a record set a split with a field for each of its data sets,
    and the classes. `mlcroissant` reads it.
    """
    names = next(iter(release.values())).class_names
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": FORM,
        **about,
        "distribution": [_file(split.path) for split in release.values()],
        "recordSet": [*map(_records, release.values()), _classes(names)],
    }


def _node(kind, address, name, **more):
    """Write what has a kind, an address and a name, and more."""
    return {"@type": f"cr:{kind}", "@id": address, "name": name, **more}


def _file(path):
    """Describe a file."""
    with open(path, "rb", buffering=0) as file:
        digest = file_digest(file, "sha256").hexdigest()
    size, form = f"{path.stat().st_size} B", "application/x-hdf5"
    more = {"contentUrl": path.name, "contentSize": size, "encodingFormat": form, "sha256": digest}
    return _node("FileObject", path.name, path.name, **more)


def _records(split):
    """Describe the cells of a split, a field for each data set of its file."""
    fields = []

    def add(name, found):
        if isinstance(found, h5py.Dataset) and found.shape[:1] == (len(split),):
            told = " in ".join(str(found.attrs[key]) for key in ("meaning", "unit") if key in found.attrs)
            more = {"description": told or meanings.get(name, "kept of the table that the cells came with")}
            more |= {"dataType": TYPES[found.dtype.kind]}
            more |= {"source": {"fileObject": {"@id": split.path.name}, "extract": {"column": name}}}
            if found.ndim > 1:
                more |= {"isArray": True, "arrayShape": ",".join(map(str, found.shape[1:]))}
            fields.append(_node("Field", f"{split.name}/{name}", name, **more))

    with h5py.File(split.path, "r") as file:
        one = file.attrs.get("channels") == 1
        meanings = MEANINGS | {"data": f"{MEANINGS['data']}; the nucleus is not known, and zero"} if one else MEANINGS
        file.visititems(add)
    told = f"{len(split):,} cells of the split {split.name}; a record for each, in the order of the file"
    return _node("RecordSet", split.name, split.name, description=told, field=fields)


def _classes(names):
    """List the classes by label."""
    parts = {"label": "sc:Integer", "name": "sc:Text"}
    more = {"description": "classes by label", "dataType": "sc:Enumeration", "key": {"@id": "classes/label"}}
    more["field"] = [_node("Field", f"classes/{part}", part, dataType=kind) for part, kind in parts.items()]
    more["data"] = [{"classes/label": label, "classes/name": name} for label, name in enumerate(names)]
    return _node("RecordSet", "classes", "classes", **more)
