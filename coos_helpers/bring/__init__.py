"""What others bring becomes a release: fields of view are cropped, crops and tables are imported."""
