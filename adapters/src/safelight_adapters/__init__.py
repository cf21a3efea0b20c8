"""What the API and the operator share of the way to the outside.

Nothing here knows what the units do: they hand in handlers, and take out answers.
"""
