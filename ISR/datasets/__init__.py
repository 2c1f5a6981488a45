"""Pictures for training: folders, patches and batches."""
