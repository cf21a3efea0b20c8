"""The description of the REST API in OpenAPI 3.1, made of what the code itself goes by.

Limits come from the settings, closed lists from the contract, examples from the functions that make
the answers. `document.describe` puts it together. No I/O, and nothing is made at import.
"""
