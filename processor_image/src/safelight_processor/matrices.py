"""Matrices of three by three, as colour needs them."""

from operator import mul

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


def transposed(matrix: Matrix) -> Matrix:
    """Return columns as rows."""
    return tuple(zip(*matrix, strict=True))  # type: ignore[return-value]  # three by three


def times(matrix: Matrix, vector: Vector) -> Vector:
    """Return the product."""
    return tuple(sum(map(mul, row, vector)) for row in matrix)


def inverse(matrix: Matrix) -> Matrix:
    """Return the inverse.

    Raises:
        ValueError: there is none.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < 1e-9:  # noqa: PLR2004 - next to nothing
        raise ValueError("the matrix has no inverse")
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(part / determinant for part in row) for row in rows)  # type: ignore[return-value]  # three by three
