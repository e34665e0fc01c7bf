"""What comes over a line: the release from Zenodo, and the weights of VGG16."""
