// Filling the state from the API: all sensors, everything that waits, what was lately.

import { api } from "./api.js";
import { MOST_INCIDENTS, state } from "./state.js";

const PAGE = 500;
const LATELY = 100;
const MONTH_DAYS = 30;

async function everyWaiting(which) {
  let before = null;
  let count = 0;
  do {
    const page = await api.incidents({ state: which, limit: PAGE, before });
    page.incidents.forEach((incident) => state.takeIncident(incident));
    count += page.incidents.length;
    before = page.next ?? null;
  } while (before !== null && count < MOST_INCIDENTS);
  return before !== null;
}

/** Ask for everything the page needs; throws a Problem. Called at the start and after each lost connection. */
export async function load() {
  const [sensors, lately, open, acknowledged, quality] = await Promise.all([
    api.sensors(), api.incidents({ limit: LATELY }), everyWaiting("open"), everyWaiting("acknowledged"),
    // How often it was right stands beside the point: where it cannot be told the rest is shown all the same.
    api.quality(MONTH_DAYS).catch(() => null)]);
  state.quality = quality;
  const known = new Set(sensors.sensors.map((sensor) => sensor.id));
  for (const id of state.sensors.keys()) if (!known.has(id)) state.sensors.delete(id);
  sensors.sensors.forEach((sensor) => state.takeSensor(sensor));
  lately.incidents.forEach((incident) => state.takeIncident(incident));
  state.truncated = open || acknowledged;
  state.loaded = true;
  state.changed("incidents");
  state.changed("sensors");
}

/** Ask again for those that we hold as waiting and that the hub no longer lists so: decided while we were cut off. */
export async function refreshWaiting() {
  const held = state.queue().map((incident) => incident.id);
  await load();
  await Promise.all(held.slice(0, 50).map(async (id) => {
    try {
      state.takeIncident(await api.incident(id));
    } catch (problem) {
      if (problem.status === 404) {
        state.incidents.delete(id);
        state.changed("incidents");
      }
    }
  }));
}
