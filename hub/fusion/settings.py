"""Every number that fusion may be tuned by, with its unit and what happens when it is larger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """Parameters of association, localisation, life-cycle and evidence."""

    hearing_range_m: float = 1_100.0
    """Farthest sensor, in metres, whose pick may belong to a source. Larger: loud distant shots keep more sensors, and
    each burst costs more and meets more unrelated picks."""
    sparse_range_m: float = 1_600.0
    """The same where fewer than `sparse_sensors` microphones stand within `hearing_range_m`, in metres: there a far one
    counts. Larger: few."""
    sparse_sensors: int = 9
    """Microphones in range from which the shorter range is enough. Larger: more picks are solved at once."""
    first_sensor_m: float = 600.0
    """Farthest distance in metres from a source to the first sensor that heard it. Larger: sparse networks still place;
    the search costs its square."""
    grid_m: float = 40.0
    """Spacing of the coarse vote in metres. Larger: faster, and a place between two points may be missed."""
    pick_sigma_s: float = 0.003
    """Standard deviation in seconds of one pick on a direct path, that each round draws anew. Larger: single rounds
    weigh less against the number of sensors."""
    path_sigma_s: float = 0.006
    """Standard deviation in seconds of what a path adds to the straight line (roofs, corners), the same for each round.
    Larger: wider ellipses, and the fit forgives detours."""
    site_sigma_m: float = 2.5
    """How well the sensors' positions are known, one sigma in metres. Larger: wider ellipses."""
    speed_sigma: float = 0.002
    """Relative uncertainty of the speed of sound (1.2 degrees C). Larger: far sensors weigh less, wider ellipses."""
    gate_s: float = 0.030
    """Largest residual in seconds of a pick that counts as explained. Larger: more echoes are taken in."""
    source_below_m: float = 8.0
    """How far below the mean of the sensors a source is expected, in metres. Larger: sensors are on high roofs."""
    source_height_sigma_m: float = 20.0
    """How far from that height the source may be, one sigma in metres. Larger: heights of sensors
    matter less, wider ellipses near a sensor."""
    max_clock_sigma_s: float = 0.025
    """A sensor whose clock is less sure than this, in seconds, is left out of the place. Larger: bad clocks widen and
    bias the place."""
    worst_clock_sigma_s: float = 0.1
    """The same where too few clocks are better: a wide ellipse is better than none. Larger: worse places are told."""
    min_sensors: int = 4
    """Sensors that must agree on one round for a place with an ellipse. Larger: fewer chance alignments; sparse
    networks answer with strips."""
    sure_share: float = 0.5
    """Share of the sensors with picks whose votes for one place end the search. Larger: slower, and safer where
    several things banged."""
    sure_sensors: int = 9
    """Sensors with picks from which the search may end early at all. Larger: slower, and safer in sparse networks."""
    least_rate_hz: float = 0.3
    """Picks a second at a sensor that chance is assumed to make at least. Larger: few picks prove less."""
    hears: float = 0.9
    """Probability that a sensor which is sure of one round reports a direct arrival of another. Larger: silence counts
    more, weak rounds are lost."""
    before_s: float = 1.0
    """Unexplained picks up to this long before the first direct arrival speak against a place, in seconds. Larger:
    other bangs before a shot hurt it."""
    before_cost: float = 4.0
    """How much such a pick of score 1 speaks against it, in log-odds. Larger: places that make first arrivals
    into noise lose more often."""
    echo_drop_db: float = 6.0
    """A round fainter than an earlier one by this much, at the same sensors, is an echo, in dB. Larger: common echoes
    become rounds; smaller: a turned gun loses rounds."""
    repeat_s: float = 0.004
    """Echoes of one wall come this equally long after each round, in seconds. Larger: a round that falls near an echo
    of another is lost; smaller: echoes become rounds."""
    ceiling_db: float = 1.5
    """Levels this near to a sensor's highest tell nothing of rounds and echoes, in dB. Larger: fewer sensors tell."""
    round_gap_s: float = 0.05
    """Shortest time between two rounds in seconds. Larger: automatic fire is counted short."""
    echo_tail_s: float = 1.5
    """An arrival up to this long after a direct one may be its echo, in seconds. Larger: a second shooter must be
    better separated.
    """
    echo_louder_db: float = 6.0
    """An arrival louder by this than the direct one at the same sensor is no echo of it, in dB. Larger: a second
    shooter within the first one's echoes is told less often; smaller: echoes of hidden shots become sources."""
    image_s: float = 3.0
    """A source whose rounds follow another's after one delay up to this, in seconds, is its image in a wall. Larger:
    two shooters who fire in step are taken for one."""
    close_s: float = 0.25
    """A round this soon after another, in seconds, may be an echo off the same wall for all sensors. Larger: automatic
    fire needs more sensors."""
    close_cost: float = 4.0
    """How much better than chance such a round must be beyond the others, in natural-log units. Larger: fewer echoes
    are counted as rounds, and automatic fire needs more sensors."""
    alternative_within: float = 3.0
    """A place that explains the picks this nearly as well, in natural-log units, is told as the second one. Larger:
    more incidents of few sensors show two places."""
    round_share: float = 0.5
    """Share of the best round's sensors that another round needs. Larger: weak rounds are lost; smaller: echoes become
    rounds."""
    max_rounds: int = 40
    """Rounds counted in one incident. Larger: long bursts cost more."""
    max_picks: int = 600
    """Picks solved at once; the weakest are left out beyond. Larger: a firework costs more."""

    trigger_score: float = 0.3
    """Score from which a pick may start a search; less sure ones only join it. Larger: noise is cheaper, weak events
    are missed."""
    trigger_weight: float = 1.8
    """Sum of scores of coinciding picks, over distinct sensors, that starts a search. Larger: noise is cheaper, weak
    events are missed."""
    thorough_weight: float = 2.0
    """Sum of scores over distinct sensors from which a last search looks everywhere. Larger: noise is cheaper, faint
    shots in sparse networks are missed."""
    solo_score: float = 0.7
    """Score from which one or two microphones alone make an incident (disc, strip). Larger: fewer false ones, and
    sparse networks stay silent."""
    scan_period_s: float = 0.05
    """Time between two looks at new picks. Larger: cheaper and later."""
    first_wait_s: float = 0.3
    """From the trigger to the first place, in seconds, where fewer sensors speak up. Larger: the first revision is
    better and later."""
    eager_sensors: int = 10
    """Up to so many sensors that may have heard one bang each further one is looked at when it comes, until something
    is told. Larger: weak bangs that many sensors hear are told sooner, and cost more."""
    company_s: float = 1.0
    """How long one or two sensors wait for others to give a place before a disc or a strip is told, in seconds. Larger:
    fewer of them that become a place a moment later, and lone sensors are told later."""
    again_s: float = 0.5
    """From one revision to the next while picks come in. Larger: fewer revisions."""
    quiet_s: float = 3.0
    """A burst ends after this silence in seconds. Larger: slow fire is one incident; two events may be merged."""
    max_burst_s: float = 15.0
    """Longest burst in seconds before it is cut. Larger: more picks are solved at once."""
    allowed_lateness_s: float = 2.0
    """A window stays open this long after its last pick was heard of. Larger: slow uplinks change incidents without the
    mark `late`, and incidents settle later."""
    retention_s: float = 120.0
    """Picks and settled incidents are kept this long for late detections. Larger: more memory, older corrections."""

    camera_before_s: float = 5.0
    """A camera's detection up to this long before the shot corroborates. Larger: more coincidences."""
    camera_after_s: float = 30.0
    """A camera's detection up to this long after the shot corroborates. Larger: more coincidences."""
    camera_reach_m: float = 100.0
    """Distance in metres from a camera's view within which it corroborates. Larger: more coincidences."""
    merge_gap_s: float = 60.0
    """Slow events of one zone closer in time than this are one. Larger: fewer, longer incidents."""
    slow_on_score: float = 0.5
    """Score that opens a slow event. Larger: fewer incidents."""
    slow_off_score: float = 0.3
    """Score that keeps a slow event open (hysteresis, below the one that opens). Larger: it ends earlier."""
    second_look_probability: float = 0.6
    """Most that cameras alone make an abandoned object, a fire or a fall probable: below the word "likely" (0.66).
    Larger: operators are led to confirm what is mostly wrong."""
    merge_reach_m: float = 120.0
    """Slow events of one class closer than this are one. Larger: neighbouring events are merged."""
    merge_earshot_m: float = 450.0
    """The same for sounds that last (siren, clamor) at microphones, in metres: a siren at 110 dB(A) in 1 m is 57 dB(A)
    there by spreading alone, a street's own level. Larger: two crowds are taken for one; smaller: one siren is many.
    """
    early_probability: float = 0.33
    """What is called unlikely is told when its window closes, not before. Larger: fewer incidents that are withdrawn
    again, and weak ones come later."""
    publish_probability: float = 0.005
    """Incidents less probable than this are not shown. Larger: fewer weak incidents, and a shot that every classifier
    doubts is told to nobody (three of 31 simulated ones at 0.02)."""

    @property
    def fewest_sensors(self) -> int:
        """Sensors that are enough where their classifiers are sure: one fewer, but never fewer than a place needs."""
        return min(max(3, self.min_sensors - 1), self.min_sensors)
