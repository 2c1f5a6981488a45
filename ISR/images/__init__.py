"""Pictures as arrays and files: NumPy and Pillow only."""
