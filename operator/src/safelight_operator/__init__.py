"""The operator: one Job per ImageUpload, then an AvailableImage in its place.

`handlers` and `resync` put ids into the `queue`; `reconcile` looks at the world of one id, asks
`decide` (pure) for the next step, and takes it through the adapters `cluster` and `objects`.
"""
