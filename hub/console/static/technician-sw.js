// The technician's page without a network: its files are kept on the phone, and the sensors as they were last told.

const SHELL = "tocsin-shell-{{digest}}";
const TOLD = "tocsin-told";
const FILES = {{files}};
const REMEMBERED = new Set(["/api/v1/status", "/api/v1/sensors"]);
const PATIENCE_MS = 6_000;

addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(["/technician", ...FILES])).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name.startsWith("tocsin-shell-") && name !== SHELL).map((name) => caches.delete(name))))
    .then(() => clients.claim()));
});

// Signed out: what the hub told is nobody's any more.
addEventListener("message", (event) => {
  if (event.data === "forget") event.waitUntil(caches.delete(TOLD));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/technician") event.respondWith(page(request));
  else if (url.pathname.startsWith("/assets/")) event.respondWith(file(request));
  else if (REMEMBERED.has(url.pathname)) event.respondWith(told(request, url.pathname));
});

async function page(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    return await caches.match("/technician") ?? Response.error();
  }
}

async function file(request) {
  return await caches.match(request, { ignoreVary: true }) ?? fetch(request);
}

async function told(request, path) {
  const cache = await caches.open(TOLD);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) await cache.put(path, answer.clone());
    else if (answer.status === 401) await caches.delete(TOLD);
    return answer;
  } catch {
    return await cache.match(path, { ignoreVary: true }) ?? Response.error();
  }
}
