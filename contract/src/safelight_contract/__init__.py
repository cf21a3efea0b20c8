"""What the API, the operator and the processor must agree on.

The rule for what may enter: two units need the very same bytes, names or numbers. The standard
library is all that this package may import; a Kubernetes or object storage client never enters it.
"""
