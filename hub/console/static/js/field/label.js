// What the label of a box says, and the label itself: the name of its sensor and nothing else.

const ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const KINDS = { mic: "microphone", cam: "camera" };

/**
 * {id, kind} of a label, null where it is no sensor's. A label is a name ("mic-12") or an address that has it
 * ("https://hub/technician?sensor=mic-12&kind=microphone"); of the address only the name is taken, it is never opened.
 */
export function labelOf(text) {
  const plain = text.trim().toLowerCase();
  if (ID.test(plain)) return { id: plain, kind: KINDS[plain.slice(0, 3)] ?? null };
  let asked;
  try {
    asked = new URL(plain).searchParams;
  } catch {
    return null;
  }
  const id = asked.get("sensor") ?? "";
  const kind = asked.get("kind");
  return ID.test(id) ? { id, kind: Object.values(KINDS).includes(kind) ? kind : KINDS[id.slice(0, 3)] ?? null } : null;
}

/** The address that the label of `sensor` holds: a phone's own camera opens the page with it too. */
export function labelAddress(sensor) {
  return `${location.origin}/technician?${new URLSearchParams({ sensor: sensor.id, kind: sensor.kind })}`;
}

/** The rows of a QR code ('1' is dark) that holds `text`, without its quiet zone. */
export async function qrRows(text) {
  const { encodeQR } = await import("../../vendor/qr/index.js");
  return encodeQR(text, "raw", { border: 1, ecc: "medium" }).slice(1, -1).map((row) => row.slice(1, -1).map((cell) => (cell ? "1" : "0")).join(""));
}
