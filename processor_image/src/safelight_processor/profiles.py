"""The colour profile of results in Display P3; results in sRGB need none.

What carries no profile is shown as sRGB by every browser (CSS Color 4, "untagged images"), so a
profile there is bytes for nothing: 5 % of a small JPEG rendition.
"""

import base64
from typing import Final

DISPLAY_P3_PROFILE: Final = base64.b64decode(
    "AAAB7AAAAAAEIAAAbW50clJHQiBYWVogB9AAAQABAAAAAAAAYWNzcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "APbWAAEAAAAA0y0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKZGVzYwAA"
    "APwAAAAwY3BydAAAASwAAAAid3RwdAAAAVAAAAAUY2hhZAAAAWQAAAAsclhZWgAAAZAAAAAUZ1hZWgAAAaQAAAAUYlhZ"
    "WgAAAbgAAAAUclRSQwAAAcwAAAAgZ1RSQwAAAcwAAAAgYlRSQwAAAcwAAAAgbWx1YwAAAAAAAAABAAAADGVuVVMAAAAU"
    "AAAAHABEAGkAcwBwAGwAYQB5ACAAUAAzbWx1YwAAAAAAAAABAAAADGVuVVMAAAAGAAAAHABDAEMAMAAAWFlaIAAAAAAA"
    "APbWAAEAAAAA0y1zZjMyAAAAAAABDEIAAAXe///zJQAAB5MAAP2Q///7of///aIAAAPcAADAblhZWiAAAAAAAACD3wAA"
    "Pb////+7WFlaIAAAAAAAAEq/AACxNwAACrlYWVogAAAAAAAAKDgAABELAADIuXBhcmEAAAAAAAMAAAACZmYAAPKnAAAN"
    "WQAAE9AAAApb",
)
"""492 bytes, ICC 4.2, with a fixed date: the same picture must give the same bytes.

The primaries of SMPTE EG 432-1 with white D65, adapted to D50 by Bradford's matrix; sRGB's curve.
"""
