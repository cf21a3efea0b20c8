"""The operator: one Job per ImageUpload, then an AvailableImage in its place."""
