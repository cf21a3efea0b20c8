import pytest

from tests.bench.processor import equal
from tests.bench.processor.equal import Probe

TARGET = 80.0
BOUNDS = (20, 97)


def encoder(setting: int, offset: float, slope: float) -> Probe:
    """An encoder as they are: better and larger with its setting, by its own scale."""
    return Probe(setting, offset + slope * setting, round(1000 * 1.05**setting))


@pytest.mark.parametrize(
    ("offset", "slope"),
    [
        pytest.param(20.0, 0.72, id="as JPEG"),
        pytest.param(41.0, 0.55, id="as AVIF"),
        pytest.param(-40.0, 1.5, id="steep, and far from the first guess"),
        pytest.param(0.0, 1.0, id="a setting that is the score itself"),
    ],
)
def test_an_encoder_is_brought_to_the_target(offset: float, slope: float) -> None:
    probes = [encoder(83, offset, slope)]
    while (setting := equal.next_setting(probes, TARGET, BOUNDS)) is not None:
        probes.append(encoder(setting, offset, slope))
    assert abs(equal.closest(probes, TARGET).score - TARGET) <= max(equal.NEAR, slope / 2)
    assert len(probes) <= equal.MOST_PROBES


def test_a_setting_that_does_nothing_ends_the_search() -> None:
    probes = [Probe(83, 70.0, 1000)]
    while (setting := equal.next_setting(probes, TARGET, BOUNDS)) is not None:
        probes.append(Probe(setting, 70.0, 1000))
    assert len(probes) <= equal.MOST_PROBES


def test_the_search_stays_within_the_bounds() -> None:
    assert equal.next_setting([Probe(95, 60.0, 1000)], TARGET, (20, 97)) == 97
    assert equal.next_setting([Probe(97, 60.0, 1000)], TARGET, (20, 97)) is None


def test_no_setting_is_tried_twice() -> None:
    probes = [Probe(82, 79.5, 1000), Probe(83, 80.6, 1100)]
    assert equal.next_setting(probes, TARGET, BOUNDS) is None


def test_bytes_at_the_target_lie_between_those_around_it() -> None:
    probes = [Probe(70, 70.0, 100), Probe(80, 79.0, 1000), Probe(84, 81.0, 4000)]
    assert equal.size_at(probes, TARGET) == pytest.approx(2000)


def test_bytes_beyond_the_probes_follow_the_nearest_two() -> None:
    probes = [Probe(80, 78.0, 1000), Probe(81, 79.0, 2000)]
    assert equal.size_at(probes, TARGET) == pytest.approx(4000)


def test_bytes_of_a_single_probe_are_corrected_by_a_little() -> None:
    assert equal.size_at([Probe(80, 80.0, 1000)], TARGET) == 1000
    assert 1000 < equal.size_at([Probe(80, 79.8, 1000)], TARGET) < 1020
