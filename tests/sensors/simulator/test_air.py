"""Air takes from sound what ISO 9613-1 says, and carries it at its speed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.simulator.air import Air, absorption_db_per_m

OCTAVES = np.array([63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])

# ISO 9613-2:1996, table 2: attenuation in dB/km by octave band, which it takes from ISO 9613-1.
TABLE = {
    (10.0, 70.0): [0.1, 0.4, 1.0, 1.9, 3.7, 9.7, 32.8, 117.0],
    (20.0, 70.0): [0.1, 0.3, 1.1, 2.8, 5.0, 9.0, 22.9, 76.6],
    (30.0, 70.0): [0.1, 0.3, 1.0, 3.1, 7.4, 12.7, 23.1, 59.3],
    (15.0, 20.0): [0.3, 0.6, 1.2, 2.7, 8.2, 28.2, 88.8, 202.0],
    (15.0, 50.0): [0.1, 0.5, 1.2, 2.2, 4.2, 10.8, 36.2, 129.0],
    (15.0, 80.0): [0.1, 0.3, 1.1, 2.4, 4.1, 8.3, 23.7, 82.8],
}


@pytest.mark.parametrize(("temperature_c", "humidity_percent"), TABLE)
def test_absorption_is_that_of_the_standards_table(temperature_c: float, humidity_percent: float) -> None:
    air = Air(temperature_c=temperature_c, humidity_percent=humidity_percent)
    found = absorption_db_per_m(OCTAVES, air) * 1_000.0
    # The table is rounded to a tenth, and its exact midband frequencies are powers of ten, not 63 and 125.
    assert found == pytest.approx(TABLE[temperature_c, humidity_percent], rel=0.025, abs=0.06)


def test_sound_goes_343_2_metres_a_second_at_20_degrees_and_331_4_at_0() -> None:
    assert Air(temperature_c=20.0).speed_m_s == pytest.approx(343.2)
    assert Air(temperature_c=0.0).speed_m_s == pytest.approx(331.3, abs=0.1)


@given(st.floats(-20.0, 40.0), st.floats(5.0, 100.0))
def test_higher_tones_always_lose_more(temperature_c: float, humidity_percent: float) -> None:
    air = Air(temperature_c=temperature_c, humidity_percent=humidity_percent)
    assert np.all(np.diff(absorption_db_per_m(OCTAVES, air)) > 0.0)
