"""The REST API: takes uploads in, answers polls, serves images.

The layers, each knowing only those after it: app → routes → uploads, images → reading → cluster,
objects. `app.create_app` is the only place that wires them together.
"""
