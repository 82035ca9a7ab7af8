"""The console: live map, queue, one incident with its evidence, decide; and the technician's pages.

What lives here is static: pages, ES modules, style sheets and words under `static/`, and the routes that serve them
with their security headers. Everything the pages show comes from the HTTP API; nothing here reads the store.
"""
