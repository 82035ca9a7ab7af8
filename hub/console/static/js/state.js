// What the page knows: one place, changed by the API and the stream, watched by the views.

const WAITING = new Set(["open", "acknowledged"]);
export const MOST_INCIDENTS = 20_000;

/** True while an incident waits for a person. */
export function waiting(incident) {
  return WAITING.has(incident.state);
}

class State extends EventTarget {
  status = null;
  incidents = new Map();
  sensors = new Map();
  selected = null;
  connection = "connecting";
  heard_ms = Date.now();
  truncated = false;
  quality = null;
  loaded = false;
  error = null;
  #dirty = new Set();

  /** Tell the views, once a frame however many changes there were. */
  changed(what) {
    if (!this.#dirty.size) setTimeout(() => this.#tell(), 16);
    this.#dirty.add(what);
  }

  #tell() {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const what of dirty) this.dispatchEvent(new Event(what));
  }

  /** Take one incident as the hub shows it. False where what is known is newer. */
  takeIncident(view) {
    const before = this.incidents.get(view.id);
    if (before && (before.revision > view.revision
      || (before.revision === view.revision && before.decisions.length > view.decisions.length))) return false;
    this.incidents.set(view.id, view);
    this.changed("incidents");
    return true;
  }

  takeSensor(sensor) {
    this.sensors.set(sensor.id, sensor);
    this.changed("sensors");
  }

  takeStatus(status) {
    this.status = { ...this.status, ...status };
    this.changed("status");
  }

  connect(connection) {
    this.connection = connection;
    this.changed("connection");
  }

  /** Look at one incident, or at none. */
  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.changed("selection");
  }

  get incident() {
    return this.selected === null ? null : this.incidents.get(this.selected) ?? null;
  }

  /** Those that wait for a person, in order of arrival: the one that waits longest stands first. */
  queue() {
    return [...this.incidents.values()].filter(waiting)
      .sort((a, b) => arrival(a) - arrival(b) || (a.id < b.id ? -1 : 1));
  }

  /** Those decided, newest first. */
  decided() {
    return [...this.incidents.values()].filter((incident) => !waiting(incident)).sort((a, b) => b.onset_us - a.onset_us);
  }
}

function arrival(incident) {
  return incident.created_us ?? incident.onset_us;
}

export const state = new State();
