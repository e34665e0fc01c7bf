"""From a split to numbers that describe each cell: every representation has one door, `features(split, ...)`.

`texture` (by `haralick`) and `vgg16` are given their cells by `rescale`. `deeploc` (with `batch_norm`) and `inpainting`
(with `pairs`) are trained by the loop in `training`, on cells that `stretch` stretches on the device.
"""
