"""Pictures as arrays and files, by NumPy and Pillow, and libvips where Pillow has too few bits."""
