"""What the chapters of the COOS-7 book share."""
