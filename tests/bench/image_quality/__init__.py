"""`make image-quality`: the pictures and the tables of docs/image-quality.md."""
