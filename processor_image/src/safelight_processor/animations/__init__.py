"""Animations: their pictures one after the other, each a full canvas, and files made of them."""
