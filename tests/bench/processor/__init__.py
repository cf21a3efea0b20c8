"""`make bench-processor`: the processor beside other image engines, at equal quality."""
