"""The processor: one image in, one safe image out."""
