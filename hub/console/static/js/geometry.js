// The shapes of a place, as latitude and longitude. Distances are those of a city: the plane is flat enough.

const METRES_PER_DEGREE = 111_320;
const CORNERS = 72;

/** The outline of a 95 % ellipse about (latitude, longitude); `bearing_deg` is that of the major axis from north. */
export function ellipseRing(latitude, longitude, ellipse) {
  const bearing = (ellipse.bearing_deg * Math.PI) / 180;
  const perLongitude = METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);
  return Array.from({ length: CORNERS }, (_, k) => {
    const angle = (2 * Math.PI * k) / CORNERS;
    const along = ellipse.semi_major_m * Math.cos(angle);
    const across = ellipse.semi_minor_m * Math.sin(angle);
    const north = along * Math.cos(bearing) - across * Math.sin(bearing);
    const east = along * Math.sin(bearing) + across * Math.cos(bearing);
    return [latitude + north / METRES_PER_DEGREE, longitude + east / perLongitude];
  });
}

/** What a place covers: the ellipse's outline, or the polygon of a strip, a disc or a zone; empty where it has none. */
export function placeRing(place) {
  if (place.ellipse) return ellipseRing(place.latitude, place.longitude, place.ellipse);
  return place.outline ?? [];
}

/** A circle as a polygon of 24 corners, rounded to a decimetre. */
export function circle(latitude, longitude, radius_m) {
  const ellipse = { semi_major_m: radius_m, semi_minor_m: radius_m, bearing_deg: 0 };
  return ellipseRing(latitude, longitude, ellipse).filter((_, k) => k % 3 === 0).map(([lat, lon]) => [Number(lat.toFixed(6)), Number(lon.toFixed(6))]);
}
